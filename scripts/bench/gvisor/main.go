// gVisor's TCP behind a TUN, with the services of `npm run bench`: gvisor-server NETNS MTU plain|gso
//
// plain: its own endpoint for file descriptors, as it comes. That one refuses host GSO on a TUN, so gso
// uses an endpoint of ours (link.go), which reads and writes as that one does, with the virtio header.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"strconv"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const (
	nic           = 1
	leastBuffer   = 4 << 10
	firstBuffer   = 1 << 20
	largestBuffer = 8 << 20
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func checkTCPIP(err tcpip.Error) {
	if err != nil {
		log.Fatal(err)
	}
}

func newLink(fd, mtu int, gso bool) stack.LinkEndpoint {
	if gso {
		return &gsoLink{fd: fd, mtu: uint32(mtu)}
	}
	link, err := fdbased.New(&fdbased.Options{FDs: []int{fd}, MTU: uint32(mtu)})
	check(err)
	return link
}

// newStack: buffers that grow and SACK, as a user who wants speed sets them.
func newStack(link stack.LinkEndpoint) *stack.Stack {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	sack := tcpip.TCPSACKEnabled(true)
	checkTCPIP(s.SetTransportProtocolOption(tcp.ProtocolNumber, &sack))
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: leastBuffer, Default: firstBuffer, Max: largestBuffer}
	checkTCPIP(s.SetTransportProtocolOption(tcp.ProtocolNumber, &receive))
	send := tcpip.TCPSendBufferSizeRangeOption{Min: leastBuffer, Default: firstBuffer, Max: largestBuffer}
	checkTCPIP(s.SetTransportProtocolOption(tcp.ProtocolNumber, &send))
	moderate := tcpip.TCPModerateReceiveBufferOption(true)
	checkTCPIP(s.SetTransportProtocolOption(tcp.ProtocolNumber, &moderate))
	checkTCPIP(s.CreateNIC(nic, link))
	address := tcpip.Address(net.IPv4(10, 9, 0, 2).To4())
	protocolAddress := tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: address, PrefixLen: 24},
	}
	checkTCPIP(s.AddProtocolAddress(nic, protocolAddress, stack.AddressProperties{}))
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return s
}

func main() {
	if len(os.Args) < 4 {
		log.Fatal("gvisor-server NETNS MTU plain|gso")
	}
	mtu, err := strconv.Atoi(os.Args[2])
	check(err)
	gso := os.Args[3] == "gso"
	fd := openTun(os.Args[1], mtu, gso)
	serve(newStack(newLink(fd, mtu, gso)))
	fmt.Println("ready")
	select {}
}

package main

import (
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/bufferv2"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/rawfile"
	"gvisor.dev/gvisor/pkg/tcpip/link/stopfd"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

const (
	virtioLength    = 10
	virtioNeedsCsum = 1
	virtioTCPv4     = 1
	mostIovecs      = 64
)

// As gVisor's own endpoint reads: small packets take a small buffer, super-packets a row of them.
var bufferSizes = []int{128, 256, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 32768}

// gsoLink is a link over a TUN with the virtio header: the host cuts what we send and sums it.
type gsoLink struct {
	fd         int
	mtu        uint32
	dispatcher stack.NetworkDispatcher
	views      [16]*bufferv2.View
}

var _ stack.LinkEndpoint = (*gsoLink)(nil)
var _ stack.GSOEndpoint = (*gsoLink)(nil)

func (l *gsoLink) MTU() uint32                             { return l.mtu }
func (l *gsoLink) MaxHeaderLength() uint16                 { return 0 }
func (l *gsoLink) LinkAddress() tcpip.LinkAddress          { return "" }
func (l *gsoLink) IsAttached() bool                        { return l.dispatcher != nil }
func (l *gsoLink) Wait()                                   {}
func (l *gsoLink) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareNone }
func (l *gsoLink) AddHeader(stack.PacketBufferPtr)         {}
func (l *gsoLink) GSOMaxSize() uint32                      { return 1<<16 - 1 }
func (l *gsoLink) SupportedGSO() stack.SupportedGSO        { return stack.HostGSOSupported }
func (l *gsoLink) Capabilities() stack.LinkEndpointCapabilities {
	// What is not GSO, as a SYN, is summed by gVisor: it asks the host for no sum there.
	return stack.CapabilityRXChecksumOffload
}

func (l *gsoLink) Attach(dispatcher stack.NetworkDispatcher) {
	if dispatcher != nil && l.dispatcher == nil {
		l.dispatcher = dispatcher
		go l.readAll()
	}
}

func (l *gsoLink) WritePackets(packets stack.PacketBufferList) (int, tcpip.Error) {
	written := 0
	for _, packet := range packets.AsSlice() {
		if err := l.writePacket(packet); err != nil {
			return written, err
		}
		written++
	}
	return written, nil
}

func (l *gsoLink) writePacket(packet stack.PacketBufferPtr) tcpip.Error {
	var virtio [virtioLength]byte
	gso := packet.GSOOptions
	if gso.Type != stack.GSONone {
		length := packet.HeaderSize()
		virtio[2], virtio[3] = byte(length), byte(length>>8)
		if gso.NeedsCsum {
			virtio[0] = virtioNeedsCsum
			virtio[6], virtio[7] = byte(gso.L3HdrLen), byte(gso.L3HdrLen>>8)
			virtio[8], virtio[9] = byte(gso.CsumOffset), byte(gso.CsumOffset>>8)
		}
		if packet.Data().Size() > int(gso.MSS) {
			virtio[1] = virtioTCPv4
			virtio[4], virtio[5] = byte(gso.MSS), byte(gso.MSS>>8)
		}
	}
	var storage [8]unix.Iovec
	iovecs := rawfile.AppendIovecFromBytes(storage[:0], virtio[:], mostIovecs)
	for _, view := range packet.AsSlices() {
		iovecs = rawfile.AppendIovecFromBytes(iovecs, view, mostIovecs)
	}
	return rawfile.NonBlockingWriteIovec(l.fd, iovecs)
}

func (l *gsoLink) readAll() {
	var virtio [virtioLength]byte
	iovecs := make([]unix.Iovec, len(bufferSizes)+1)
	iovecs[0].Base = &virtio[0]
	iovecs[0].SetLen(virtioLength)
	stop, err := stopfd.New()
	check(err)
	for {
		for i, size := range bufferSizes {
			if l.views[i] != nil {
				break
			}
			view := bufferv2.NewViewSize(size)
			l.views[i] = view
			iovecs[i+1].Base = view.BasePtr()
			iovecs[i+1].SetLen(size)
		}
		length, err := rawfile.BlockingReadvUntilStopped(stop.EFD, l.fd, iovecs)
		if err != nil {
			return
		}
		if length <= virtioLength {
			continue
		}
		packet := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: l.pull(length - virtioLength)})
		l.dispatcher.DeliverNetworkPacket(header.IPv4ProtocolNumber, packet)
		packet.DecRef()
	}
}

// pull takes the views that hold a packet; the next read gets new ones in their place.
func (l *gsoLink) pull(length int) bufferv2.Buffer {
	var packet bufferv2.Buffer
	for i, left := 0, length; left > 0; i++ {
		view := l.views[i]
		l.views[i] = nil
		if view.Size() > left {
			view.CapLength(left)
		}
		left -= view.Size()
		packet.Append(view)
	}
	return packet
}

package main

import (
	"bytes"
	"io"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	period     = 251
	chunkSize  = period * 1024
	backlog    = 4096
	httpAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nhello, world\n"
)

// pattern: position n of every stream holds n % period.
var pattern = func() []byte {
	all := make([]byte, chunkSize)
	for i := range all {
		all[i] = byte(i % period)
	}
	return all
}()

// connection is an endpoint and a way to wait for it.
type connection struct {
	tcpip.Endpoint
	queue *waiter.Queue
}

// await returns a channel that gets something when one of the events happens.
func (c *connection) await(events waiter.EventMask) chan struct{} {
	entry, channel := waiter.NewChannelEntry(events)
	c.queue.EventRegister(&entry)
	return channel
}

func (c *connection) writeAll(data []byte, ready chan struct{}) bool {
	reader := bytes.NewReader(data)
	for reader.Len() > 0 {
		_, err := c.Write(reader, tcpip.WriteOptions{})
		if _, full := err.(*tcpip.ErrWouldBlock); full {
			<-ready
		} else if err != nil {
			return false
		}
	}
	return true
}

// readInto gives what arrives to take, until that returns false or the stream ends.
func (c *connection) readInto(sink io.Writer, take func() bool) {
	ready := c.await(waiter.ReadableEvents | waiter.EventHUp | waiter.EventErr)
	for {
		_, err := c.Read(sink, tcpip.ReadOptions{})
		if _, empty := err.(*tcpip.ErrWouldBlock); empty {
			<-ready
			continue
		}
		if err != nil || !take() {
			return
		}
	}
}

func (c *connection) echo() {
	var data bytes.Buffer
	ready := c.await(waiter.WritableEvents | waiter.EventHUp | waiter.EventErr)
	c.readInto(&data, func() bool {
		defer data.Reset()
		return c.writeAll(data.Bytes(), ready)
	})
}

// sink looks at nothing: no byte is copied.
func (c *connection) sink() {
	c.readInto(io.Discard, func() bool { return true })
}

func (c *connection) source() {
	ready := c.await(waiter.WritableEvents | waiter.EventHUp | waiter.EventErr)
	for c.writeAll(pattern, ready) {
	}
}

func (c *connection) churn() {
	c.readInto(io.Discard, func() bool {
		c.Write(bytes.NewReader(pattern[:64]), tcpip.WriteOptions{})
		return false
	})
}

func (c *connection) http() {
	var data bytes.Buffer
	ready := c.await(waiter.WritableEvents | waiter.EventHUp | waiter.EventErr)
	c.readInto(&data, func() bool {
		if !bytes.HasSuffix(data.Bytes(), []byte("\r\n\r\n")) {
			return true
		}
		data.Reset()
		return c.writeAll([]byte(httpAnswer), ready)
	})
}

func listen(s *stack.Stack, port uint16, service func(*connection)) {
	var queue waiter.Queue
	endpoint, err := s.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, &queue)
	checkTCPIP(err)
	checkTCPIP(endpoint.Bind(tcpip.FullAddress{NIC: nic, Port: port}))
	checkTCPIP(endpoint.Listen(backlog))
	entry, ready := waiter.NewChannelEntry(waiter.ReadableEvents)
	queue.EventRegister(&entry)
	for {
		accepted, acceptedQueue, err := endpoint.Accept(nil)
		if err != nil {
			<-ready
			continue
		}
		accepted.SocketOptions().SetDelayOption(false)
		go func() {
			service(&connection{accepted, acceptedQueue})
			accepted.Close()
		}()
	}
}

func serve(s *stack.Stack) {
	go listen(s, 7, (*connection).echo)
	go listen(s, 5001, (*connection).sink)
	go listen(s, 5002, (*connection).source)
	go listen(s, 5004, (*connection).churn)
	go listen(s, 8080, (*connection).http)
}

package main

import (
	"os/exec"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	tunFlagCsum = 1
	tunFlagTSO4 = 2
)

func ioctl(fd int, request uintptr, argument uintptr) {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, argument); errno != 0 {
		check(errno)
	}
}

// openTun makes fw0 in the namespace, on a thread that ends there and that no other goroutine gets.
func openTun(netns string, mtu int, gso bool) int {
	opened := make(chan int)
	go func() {
		runtime.LockOSThread()
		space, err := unix.Open("/run/netns/"+netns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		check(err)
		check(unix.Setns(space, unix.CLONE_NEWNET))
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK, 0)
		check(err)
		var request struct {
			name  [16]byte
			flags uint16
			_     [22]byte
		}
		copy(request.name[:], "fw0")
		request.flags = unix.IFF_TUN | unix.IFF_NO_PI
		if gso {
			request.flags |= unix.IFF_VNET_HDR
		}
		ioctl(fd, unix.TUNSETIFF, uintptr(unsafe.Pointer(&request)))
		if gso {
			ioctl(fd, unix.TUNSETOFFLOAD, tunFlagCsum|tunFlagTSO4)
		}
		ip := func(words ...string) { check(exec.Command("ip", append([]string{"-n", netns}, words...)...).Run()) }
		ip("link", "set", "fw0", "mtu", strconv.Itoa(mtu), "up")
		ip("addr", "add", "10.9.0.1/24", "dev", "fw0")
		opened <- fd
	}()
	return <-opened
}

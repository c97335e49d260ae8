// The steering program, instruction by instruction: no compiler and no library is needed to load it.
//
//   local, peer = destination, source            a fragment, or no TCP:  ports = 0
//   TCP:        ports = local port << 16 | peer port
//   ICMP error: the same three of the packet that it quotes, which was ours
//   queue = HalfSipHash-1-3(key, local, peer, ports) % queues
//
// A packet that ends too early for a load makes the kernel end the program with 0: the first queue.
#include "steering.h"

#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace {

// IPv4 and ICMP as the program reads them.
constexpr int IP_FRAGMENT = 6;
constexpr int IP_PROTOCOL = 9;
constexpr int IP_SOURCE = 12;
constexpr int IP_DESTINATION = 16;
constexpr int MORE_OR_OFFSET = 0x3fff;
constexpr int ICMP = 1;
constexpr int TCP = 6;
constexpr int QUOTE = 8;

// Registers. The loads of packets need the context in r6, return in r0 and destroy r1 to r5.
constexpr int V0 = BPF_REG_1;
constexpr int V1 = BPF_REG_2;
constexpr int V2 = BPF_REG_3;
constexpr int V3 = BPF_REG_4;
constexpr int SCRATCH = BPF_REG_5;
constexpr int CONTEXT = BPF_REG_6;
constexpr int HEADER = BPF_REG_7;
constexpr int LOCAL = BPF_REG_8;
constexpr int PEER = BPF_REG_9;
/** Where the ports lie on the stack. */
constexpr int PORTS = -8;
constexpr int NO_WORD = -1;

constexpr int CAPACITY = 512;
constexpr int MAX_JUMPS = 16;

/** Jumps of which the target is not written yet. */
struct Label {
  int from[MAX_JUMPS];
  int count = 0;
};

class Program {
 public:
  bpf_insn code[CAPACITY] = {};
  int length = 0;

  explicit Program(const SteeringKey &key) {
    Label addresses_only, icmp, hash;
    add(BPF_ALU64 | BPF_MOV | BPF_X, CONTEXT, BPF_REG_1, 0, 0);
    add(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, PORTS, 0);
    load_absolute(BPF_W, IP_DESTINATION);
    move(LOCAL, BPF_REG_0);
    load_absolute(BPF_W, IP_SOURCE);
    move(PEER, BPF_REG_0);
    load_absolute(BPF_H, IP_FRAGMENT);
    jump(BPF_JSET, MORE_OR_OFFSET, addresses_only);
    load_absolute(BPF_B, 0);
    header_length(HEADER);
    load_absolute(BPF_B, IP_PROTOCOL);
    jump(BPF_JEQ, ICMP, icmp);
    jump(BPF_JNE, TCP, addresses_only);
    load(BPF_W, 0);
    // Source and destination change places: the local port is the upper half.
    rotate(BPF_REG_0, 16);
    store_ports();
    jump_always(hash);
    here(icmp);
    quoted(addresses_only);
    here(addresses_only);
    here(hash);
    half_sip_hash(key);
    alu(BPF_MOD | BPF_K, BPF_REG_0, 0, key.queues);
    add(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  }

 private:
  void add(int operation, int to, int from, int offset, int32_t value) {
    bpf_insn &insn = code[length++];
    insn.code = static_cast<uint8_t>(operation);
    insn.dst_reg = static_cast<uint8_t>(to & 0xf);
    insn.src_reg = static_cast<uint8_t>(from & 0xf);
    insn.off = static_cast<int16_t>(offset);
    insn.imm = value;
  }

  void alu(int operation, int to, int from, int32_t value) { add(BPF_ALU | operation, to, from, 0, value); }
  void move(int to, int from) { alu(BPF_MOV | BPF_X, to, from, 0); }
  void set(int to, uint32_t value) { alu(BPF_MOV | BPF_K, to, 0, static_cast<int32_t>(value)); }

  /** r0 = what stands at a place of the packet, in the host's byte order. */
  void load_absolute(int size, int at) { add(BPF_LD | BPF_ABS | size, 0, 0, 0, at); }
  /** The same, behind the header. */
  void load(int size, int at) { add(BPF_LD | BPF_IND | size, 0, HEADER, 0, at); }

  void store_ports() { add(BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_0, PORTS, 0); }

  /** The length of a header from its first byte, which is in r0. */
  void header_length(int to) {
    move(to, BPF_REG_0);
    alu(BPF_AND | BPF_K, to, 0, 0xf);
    alu(BPF_LSH | BPF_K, to, 0, 2);
  }

  void jump(int condition, int32_t value, Label &label) {
    label.from[label.count++] = length;
    add(BPF_JMP | condition | BPF_K, BPF_REG_0, 0, 0, value);
  }

  void jump_always(Label &label) {
    label.from[label.count++] = length;
    add(BPF_JMP | BPF_JA, 0, 0, 0, 0);
  }

  void here(Label &label) {
    for (int i = 0; i < label.count; i++) {
      int from = label.from[i];
      code[from].off = static_cast<int16_t>(length - from - 1);
    }
  }

  /** Destination Unreachable, Time Exceeded and Parameter Problem belong to the flow that they quote. */
  void quoted(Label &addresses_only) {
    Label error;
    load(BPF_B, 0);
    jump(BPF_JEQ, 3, error);
    jump(BPF_JEQ, 11, error);
    jump(BPF_JNE, 12, addresses_only);
    here(error);
    load(BPF_B, QUOTE + IP_PROTOCOL);
    jump(BPF_JNE, TCP, addresses_only);
    load(BPF_H, QUOTE + IP_FRAGMENT);
    jump(BPF_JSET, MORE_OR_OFFSET, addresses_only);
    load(BPF_W, QUOTE + IP_SOURCE);
    move(LOCAL, BPF_REG_0);
    load(BPF_W, QUOTE + IP_DESTINATION);
    move(PEER, BPF_REG_0);
    load(BPF_B, QUOTE);
    header_length(SCRATCH);
    alu(BPF_ADD | BPF_X, HEADER, SCRATCH, 0);
    load(BPF_W, QUOTE);
    store_ports();
  }

  void rotate(int value, int bits) {
    move(SCRATCH, value);
    alu(BPF_LSH | BPF_K, SCRATCH, 0, bits);
    alu(BPF_RSH | BPF_K, value, 0, 32 - bits);
    alu(BPF_OR | BPF_X, value, SCRATCH, 0);
  }

  void round() {
    alu(BPF_ADD | BPF_X, V0, V1, 0);
    rotate(V1, 5);
    alu(BPF_XOR | BPF_X, V1, V0, 0);
    rotate(V0, 16);
    alu(BPF_ADD | BPF_X, V2, V3, 0);
    rotate(V3, 8);
    alu(BPF_XOR | BPF_X, V3, V2, 0);
    alu(BPF_ADD | BPF_X, V0, V3, 0);
    rotate(V3, 7);
    alu(BPF_XOR | BPF_X, V3, V0, 0);
    alu(BPF_ADD | BPF_X, V2, V1, 0);
    rotate(V1, 13);
    alu(BPF_XOR | BPF_X, V1, V2, 0);
    rotate(V2, 16);
  }

  /** One word in: a register, or NO_WORD for the ports on the stack. */
  void absorb(int word) {
    if (word == NO_WORD) {
      word = BPF_REG_0;
      add(BPF_LDX | BPF_MEM | BPF_W, word, BPF_REG_10, PORTS, 0);
    }
    alu(BPF_XOR | BPF_X, V3, word, 0);
    round();
    alu(BPF_XOR | BPF_X, V0, word, 0);
  }

  /** r0 = the hash of local address, peer address and ports. */
  void half_sip_hash(const SteeringKey &key) {
    set(V0, key.low);
    set(V1, key.high);
    set(V2, 0x6c796765u ^ key.low);
    set(V3, 0x74656462u ^ key.high);
    absorb(LOCAL);
    absorb(PEER);
    absorb(NO_WORD);
    set(BPF_REG_0, 12u << 24);
    absorb(BPF_REG_0);
    alu(BPF_XOR | BPF_K, V2, 0, 0xff);
    for (int i = 0; i < 3; i++) round();
    move(BPF_REG_0, V1);
    alu(BPF_XOR | BPF_X, BPF_REG_0, V3, 0);
  }
};

long bpf(int command, bpf_attr &attributes) { return syscall(SYS_bpf, command, &attributes, sizeof attributes); }

}  // namespace

int load_steering(const SteeringKey &key, Failure &failure) {
  Program program(key);
  bpf_attr attributes = {};
  attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attributes.insns = reinterpret_cast<uint64_t>(program.code);
  attributes.insn_cnt = static_cast<uint32_t>(program.length);
  // The kernel asks for a licence only where helpers are called; ours is the project's.
  attributes.license = reinterpret_cast<uint64_t>("MIT");
  memcpy(attributes.prog_name, "fourwave_queue", sizeof "fourwave_queue");
  long fd = bpf(BPF_PROG_LOAD, attributes);
  if (fd < 0) failure.note("bpf(BPF_PROG_LOAD)");
  return static_cast<int>(fd);
}

bool steer(int tun, const SteeringKey &key, Failure &failure) {
  int program = load_steering(key, failure);
  if (program < 0) return false;
  int status = ioctl(tun, TUNSETSTEERINGEBPF, &program);
  if (status != 0) failure.note("ioctl(TUNSETSTEERINGEBPF)");
  close(program);
  return status == 0;
}

int test_steering(int program, const uint8_t *packet, size_t length, Failure &failure) {
  // The kernel takes an Ethernet header off first, of whatever kind.
  constexpr size_t ETHERNET = 14;
  uint8_t frame[ETHERNET + 2048] = {};
  if (length > sizeof frame - ETHERNET) length = sizeof frame - ETHERNET;
  memcpy(frame + ETHERNET, packet, length);
  frame[12] = 8;
  bpf_attr attributes = {};
  attributes.test.prog_fd = static_cast<uint32_t>(program);
  attributes.test.data_in = reinterpret_cast<uint64_t>(frame);
  attributes.test.data_size_in = static_cast<uint32_t>(ETHERNET + length);
  attributes.test.repeat = 1;
  if (bpf(BPF_PROG_TEST_RUN, attributes) != 0) {
    failure.note("bpf(BPF_PROG_TEST_RUN)");
    return -1;
  }
  return static_cast<int>(attributes.test.retval);
}

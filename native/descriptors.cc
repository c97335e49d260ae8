// Descriptors between processes: a socket pair, SCM_RIGHTS both ways, and their end.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "napi_args.h"

namespace {

constexpr uint32_t MAX_PASSED = 32;
constexpr size_t MAX_TEXT = 4096;

struct Message {
  msghdr header = {};
  iovec piece = {};
  char text[MAX_TEXT];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * MAX_PASSED)];

  explicit Message(size_t length) {
    piece = {text, length};
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }
};

/** socketPair(): two ends that keep message boundaries, non-blocking. */
napi_value socket_pair(napi_env env, napi_callback_info) {
  int fds[2];
  Failure failure;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
    failure.note("socketpair");
    return throw_failure(env, failure);
  }
  return make_integers(env, fds, 2);
}

/** sendDescriptors(socket, text, fds) */
napi_value send_descriptors(napi_env env, napi_callback_info info) {
  napi_value values[3];
  read_arguments(env, info, values, 3);
  int fds[MAX_PASSED];
  uint32_t count = integers_of(env, values[2], fds, MAX_PASSED);
  Message message(0);
  string_of(env, values[1], message.text, MAX_TEXT);
  message.piece.iov_len = strlen(message.text) + 1;
  message.header.msg_controllen = count == 0 ? 0 : CMSG_SPACE(sizeof(int) * count);
  if (count > 0) {
    cmsghdr *rights = CMSG_FIRSTHDR(&message.header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(rights), fds, sizeof(int) * count);
  }
  Failure failure;
  int socket = static_cast<int>(integer_of(env, values[0], -1));
  if (sendmsg(socket, &message.header, MSG_NOSIGNAL) >= 0) return make_undefined(env);
  failure.note("sendmsg(SCM_RIGHTS)");
  return throw_failure(env, failure);
}

int received_descriptors(msghdr &header, int *fds) {
  cmsghdr *rights = CMSG_FIRSTHDR(&header);
  if (rights == nullptr || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) return 0;
  size_t bytes = rights->cmsg_len - CMSG_LEN(0);
  memcpy(fds, CMSG_DATA(rights), bytes);
  return static_cast<int>(bytes / sizeof(int));
}

/** receiveDescriptors(socket) → { text, fds }; does not wait. Nothing there: text is empty. */
napi_value receive_descriptors(napi_env env, napi_callback_info info) {
  napi_value value, result, text;
  read_arguments(env, info, &value, 1);
  Message message(MAX_TEXT - 1);
  int socket = static_cast<int>(integer_of(env, value, -1));
  ssize_t got = recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  Failure failure;
  if (got < 0 && errno != EAGAIN && errno != ECONNRESET) {
    failure.note("recvmsg(SCM_RIGHTS)");
    return throw_failure(env, failure);
  }
  int fds[MAX_PASSED];
  int count = got < 0 ? 0 : received_descriptors(message.header, fds);
  message.text[got < 0 ? 0 : got] = '\0';
  napi_create_object(env, &result);
  napi_create_string_utf8(env, message.text, NAPI_AUTO_LENGTH, &text);
  set_property(env, result, "text", text);
  set_property(env, result, "fds", make_integers(env, fds, count));
  return result;
}

/** closeDescriptor(fd): of one that no port has taken over. */
napi_value close_descriptor(napi_env env, napi_callback_info info) {
  napi_value value;
  read_arguments(env, info, &value, 1);
  close(static_cast<int>(integer_of(env, value, -1)));
  return nullptr;
}

}  // namespace

void export_descriptors(napi_env env, napi_value exports) {
  export_function(env, exports, "socketPair", socket_pair);
  export_function(env, exports, "sendDescriptors", send_descriptors);
  export_function(env, exports, "receiveDescriptors", receive_descriptors);
  export_function(env, exports, "closeDescriptor", close_descriptor);
}

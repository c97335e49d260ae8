// attach, readBatch, write, watch, setHeader, setReferenced and close for JavaScript.
#include <cerrno>

#include "napi_args.h"
#include "port.h"

namespace {

/** Memory of a Uint8Array or Int32Array. `keep`: it must outlive the call. */
Region region_of(napi_env env, napi_value array, bool keep) {
  Region region;
  napi_typedarray_type type;
  size_t length;
  void *bytes;
  if (napi_get_typedarray_info(env, array, &type, &length, &bytes, nullptr, nullptr) != napi_ok) {
    return region;
  }
  region.bytes = static_cast<uint8_t *>(bytes);
  region.length = type == napi_int32_array ? length * sizeof(int32_t) : length;
  if (keep) napi_create_reference(env, array, 1, &region.keeper);
  return region;
}

Port *port_of(napi_env env, napi_value value) {
  void *pointer = nullptr;
  if (napi_get_value_external(env, value, &pointer) != napi_ok) return nullptr;
  return static_cast<Port *>(pointer);
}

void close_at_exit(void *pointer) { close_port(*static_cast<Port *>(pointer)); }

void forget_handle(napi_env env, void *pointer, void *) {
  Port *port = static_cast<Port *>(pointer);
  napi_remove_env_cleanup_hook(env, close_at_exit, port);
  close_port(*port);
  release(port);
}

napi_value make_handle(napi_env env, Port *port) {
  napi_value handle;
  port->holders++;
  napi_create_external(env, port, forget_handle, nullptr, &handle);
  napi_add_env_cleanup_hook(env, close_at_exit, port);
  return handle;
}

/** attach(fd, vnetHeader, ring, mail, callback): takes over the descriptor, also when it fails. */
napi_value attach(napi_env env, napi_callback_info info) {
  napi_value values[5];
  read_arguments(env, info, values, 5);
  Port *port = new Port();
  port->env = env;
  port->fd = static_cast<int>(integer_of(env, values[0], -1));
  port->vnet_header = integer_of(env, values[1], 0) != 0;
  napi_value handle = make_handle(env, port);
  port->ring = region_of(env, values[2], true);
  port->mail = region_of(env, values[3], true);
  Failure failure;
  if (port->ring.length < MAX_PACKET + 64 || port->mail.length < MAIL_LENGTH * sizeof(int32_t)) {
    failure = {EINVAL, "attach"};
    close_port(*port);
    return throw_failure(env, failure);
  }
  napi_create_reference(env, values[4], 1, &port->callback);
  napi_value name;
  napi_create_string_utf8(env, "fourwave:device", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, nullptr, name, &port->context);
  uv_loop_s *loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  int status = start_polling(*port, loop);
  if (status == 0) status = watch(*port, UV_READABLE);
  if (status == 0) return handle;
  failure = {-status, "uv_poll_start"};
  close_port(*port);
  return throw_failure(env, failure);
}

/** readBatch(port): as the poll does, without waiting for it. */
napi_value read_batch_export(napi_env env, napi_callback_info info) {
  napi_value value;
  read_arguments(env, info, &value, 1);
  Port *port = port_of(env, value);
  return make_integer(env, port == nullptr || port->closed() ? -EBADF : read_batch(*port));
}

/** setHeader(port, bytes): where the headers of packets to be written are. */
napi_value set_header(napi_env env, napi_callback_info info) {
  napi_value values[2];
  read_arguments(env, info, values, 2);
  Port *port = port_of(env, values[0]);
  if (port == nullptr || port->closed()) return nullptr;
  if (port->header.keeper != nullptr) napi_delete_reference(env, port->header.keeper);
  port->header = region_of(env, values[1], true);
  return nullptr;
}

/** write(port, payload | undefined): the mail says what. */
napi_value write_export(napi_env env, napi_callback_info info) {
  napi_value values[2];
  read_arguments(env, info, values, 2);
  Port *port = port_of(env, values[0]);
  if (port == nullptr || port->closed()) return make_integer(env, EBADF);
  const int32_t *mail = port->numbers();
  Region payload;
  if ((mail[PAYLOAD_LENGTH] | mail[WRAPPED_LENGTH]) != 0) payload = region_of(env, values[1], false);
  napi_value result;
  napi_create_int32(env, write_packet(*port, payload), &result);
  return result;
}

/** watch(port, events): 1 readable, 2 writable, 3 both, 0 none. */
napi_value watch_export(napi_env env, napi_callback_info info) {
  napi_value values[2];
  read_arguments(env, info, values, 2);
  Port *port = port_of(env, values[0]);
  int events = static_cast<int>(integer_of(env, values[1], 0)) & (UV_READABLE | UV_WRITABLE);
  return make_integer(env, port == nullptr ? -EBADF : watch(*port, events));
}

/** setReferenced(port, 0 | 1): whether it keeps the event loop alive. */
napi_value set_referenced(napi_env env, napi_callback_info info) {
  napi_value values[2];
  read_arguments(env, info, values, 2);
  Port *port = port_of(env, values[0]);
  if (port == nullptr || port->poll == nullptr) return nullptr;
  uv_handle_s *handle = reinterpret_cast<uv_handle_s *>(port->poll);
  if (integer_of(env, values[1], 1) != 0) uv_ref(handle);
  else uv_unref(handle);
  return nullptr;
}

napi_value close_export(napi_env env, napi_callback_info info) {
  napi_value value;
  read_arguments(env, info, &value, 1);
  Port *port = port_of(env, value);
  if (port != nullptr) close_port(*port);
  return nullptr;
}

}  // namespace

void export_port(napi_env env, napi_value exports) {
  export_function(env, exports, "attach", attach);
  export_function(env, exports, "readBatch", read_batch_export);
  export_function(env, exports, "setHeader", set_header);
  export_function(env, exports, "write", write_export);
  export_function(env, exports, "watch", watch_export);
  export_function(env, exports, "setReferenced", set_referenced);
  export_function(env, exports, "closePort", close_export);
}

// Joining a port to the event loop, and its end.
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "napi_args.h"
#include "port.h"

static uv_handle_s *handle_of(Port &port) { return reinterpret_cast<uv_handle_s *>(port.poll); }

/** An exception out of the callback has no JavaScript caller: it becomes 'uncaughtException'. */
static void report_exception(napi_env env) {
  bool pending = false;
  napi_value error;
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) return;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

void notify(Port &port, int value) {
  napi_handle_scope scope;
  napi_open_handle_scope(port.env, &scope);
  napi_value receiver, callback, result;
  napi_value argument = make_integer(port.env, value);
  napi_get_global(port.env, &receiver);
  napi_get_reference_value(port.env, port.callback, &callback);
  napi_make_callback(port.env, port.context, receiver, callback, 1, &argument, &result);
  report_exception(port.env);
  napi_close_handle_scope(port.env, scope);
}

/** libuv has stopped watching: the descriptor is in error, and reading tells which. */
static void report_failure(Port &port) {
  int result = read_batch(port);
  if (result > 0) {
    notify(port, result);
    if (!port.closed()) watch(port, port.watched);
    return;
  }
  notify(port, result == 0 || result == -EIO ? -ENODEV : result);
}

/** So many batches of one packet, and the next is expected to be one. */
constexpr unsigned LONE = 8;
/** One read in so many looks whether that is still so. */
constexpr unsigned LOOK = 8;
/** Batches before the event loop goes round. */
constexpr int BATCHES = 32;

static bool is_reading(const Port &port) { return !port.closed() && (port.watched & UV_READABLE) != 0; }

/**
 * A batch is read to its end before it is dealt with: that spares turns. A packet that is expected to be alone is
 * dealt with before the read that would find nothing, and what answers our answer is often there by then.
 */
static void on_readable(Port &port) {
  for (int batch = 0; batch < BATCHES && is_reading(port); batch++) {
    bool alone = port.lone >= LONE && ++port.reads % LOOK != 0;
    int count = read_batch(port, alone ? 1 : BATCH);
    if (count == 0) return;
    if (!alone) port.lone = count == 1 ? port.lone + 1 : 0;
    notify(port, count);
    if (count < 0 || port.lone < LONE) return;
  }
}

static void on_poll(uv_poll_s *handle, int status, int events) {
  Port *port = static_cast<Port *>(uv_handle_get_data(reinterpret_cast<uv_handle_s *>(handle)));
  port->holders++;
  if (status < 0) {
    report_failure(*port);
  } else {
    if ((events & UV_WRITABLE) != 0) notify(*port, 0);
    // The callback may have closed the port or stopped the reading.
    if ((events & UV_READABLE) != 0) on_readable(*port);
  }
  release(port);
}

int watch(Port &port, int events) {
  if (port.closed()) return 0;
  port.watched = events;
  if (events == 0) return uv_poll_stop(port.poll);
  return uv_poll_start(port.poll, events, on_poll);
}

int start_polling(Port &port, uv_loop_s *loop) {
  port.poll = static_cast<uv_poll_s *>(calloc(1, uv_handle_size(UV_POLL)));
  if (port.poll == nullptr) return -ENOMEM;
  int status = uv_poll_init(loop, port.poll, port.fd);
  if (status != 0) {
    free(port.poll);
    port.poll = nullptr;
    return status;
  }
  uv_handle_set_data(handle_of(port), &port);
  port.holders++;
  return 0;
}

static void let_go(napi_env env, napi_ref &reference) {
  if (reference != nullptr) napi_delete_reference(env, reference);
  reference = nullptr;
}

static void on_closed(uv_handle_s *handle) {
  Port *port = static_cast<Port *>(uv_handle_get_data(handle));
  free(handle);
  release(port);
}

void close_port(Port &port) {
  if (port.closed()) return;
  if (port.poll != nullptr) {
    uv_poll_stop(port.poll);
    uv_close(handle_of(port), on_closed);
    port.poll = nullptr;
  }
  close(port.fd);
  port.fd = -1;
  port.watched = 0;
  let_go(port.env, port.callback);
  let_go(port.env, port.ring.keeper);
  let_go(port.env, port.header.keeper);
  let_go(port.env, port.mail.keeper);
  port.ring = port.header = port.mail = Region();
  if (port.context != nullptr) napi_async_destroy(port.env, port.context);
  port.context = nullptr;
}

void release(Port *port) {
  if (--port->holders == 0) delete port;
}

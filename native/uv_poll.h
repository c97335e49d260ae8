// The few functions of libuv that the addon calls. `node-api-headers` brings no uv.h, and these have
// kept their ABI through all of libuv 1: handles are opaque and allocated by uv_handle_size().
#pragma once

#include <cstddef>

extern "C" {
struct uv_loop_s;
struct uv_poll_s;
struct uv_handle_s;

using uv_poll_cb = void (*)(uv_poll_s *handle, int status, int events);
using uv_close_cb = void (*)(uv_handle_s *handle);

/** uv_handle_type: the place of POLL in UV_HANDLE_TYPE_MAP. */
constexpr int UV_POLL = 8;
constexpr int UV_READABLE = 1;
constexpr int UV_WRITABLE = 2;

size_t uv_handle_size(int type);
void *uv_handle_get_data(const uv_handle_s *handle);
void uv_handle_set_data(uv_handle_s *handle, void *data);
int uv_poll_init(uv_loop_s *loop, uv_poll_s *handle, int fd);
int uv_poll_start(uv_poll_s *handle, int events, uv_poll_cb callback);
int uv_poll_stop(uv_poll_s *handle);
void uv_close(uv_handle_s *handle, uv_close_cb callback);
void uv_ref(uv_handle_s *handle);
void uv_unref(uv_handle_s *handle);
}

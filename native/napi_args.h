// Between JavaScript values and C++: reading arguments, making results, throwing errors.
#pragma once

#include <node_api.h>

#include <cstdint>

/** A failed system call: its errno and what was called, as people write it (`ioctl(TUNSETIFF)`). */
struct Failure {
  int number = 0;
  const char *syscall = "";

  bool happened() const { return number != 0; }
  /** Notes the present errno, unless an earlier failure is noted. Returns false. */
  bool note(const char *call);
};

/** Throws `Error` with `errno` (positive) and `syscall`; src/device adds code and cure. Returns null. */
napi_value throw_failure(napi_env env, const Failure &failure);

/** The first `wanted` arguments; missing ones are undefined. */
void read_arguments(napi_env env, napi_callback_info info, napi_value *values, size_t wanted);

int64_t integer_of(napi_env env, napi_value value, int64_t otherwise);
int64_t integer_property(napi_env env, napi_value object, const char *key, int64_t otherwise);
/** Copies at most `size - 1` bytes; empty when it is no string or does not fit. */
void string_of(napi_env env, napi_value value, char *into, size_t size);
void string_property(napi_env env, napi_value object, const char *key, char *into, size_t size);
/** How many integers were read; values that are no integers read as -1. */
uint32_t integers_of(napi_env env, napi_value array, int *into, uint32_t capacity);

napi_value make_integer(napi_env env, int64_t value);
napi_value make_integers(napi_env env, const int *values, int count);
napi_value make_undefined(napi_env env);
void set_property(napi_env env, napi_value object, const char *key, napi_value value);
void export_function(napi_env env, napi_value exports, const char *name, napi_callback function);

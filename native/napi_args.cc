#include "napi_args.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

bool Failure::note(const char *call) {
  if (number == 0) {
    number = errno == 0 ? EIO : errno;
    syscall = call;
  }
  return false;
}

napi_value throw_failure(napi_env env, const Failure &failure) {
  char text[256];
  snprintf(text, sizeof text, "%s: %s", failure.syscall, strerror(failure.number));
  napi_value message, error, syscall;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message);
  napi_create_error(env, nullptr, message, &error);
  napi_create_string_utf8(env, failure.syscall, NAPI_AUTO_LENGTH, &syscall);
  set_property(env, error, "errno", make_integer(env, failure.number));
  set_property(env, error, "syscall", syscall);
  napi_throw(env, error);
  return nullptr;
}

void read_arguments(napi_env env, napi_callback_info info, napi_value *values, size_t wanted) {
  size_t count = wanted;
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
}

int64_t integer_of(napi_env env, napi_value value, int64_t otherwise) {
  int64_t number;
  return napi_get_value_int64(env, value, &number) == napi_ok ? number : otherwise;
}

static napi_value property(napi_env env, napi_value object, const char *key) {
  napi_value value;
  return napi_get_named_property(env, object, key, &value) == napi_ok ? value : make_undefined(env);
}

int64_t integer_property(napi_env env, napi_value object, const char *key, int64_t otherwise) {
  return integer_of(env, property(env, object, key), otherwise);
}

void string_of(napi_env env, napi_value value, char *into, size_t size) {
  size_t length = 0;
  into[0] = '\0';
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok || length >= size) return;
  napi_get_value_string_utf8(env, value, into, size, &length);
}

void string_property(napi_env env, napi_value object, const char *key, char *into, size_t size) {
  string_of(env, property(env, object, key), into, size);
}

uint32_t integers_of(napi_env env, napi_value array, int *into, uint32_t capacity) {
  uint32_t length = 0;
  if (napi_get_array_length(env, array, &length) != napi_ok) return 0;
  if (length > capacity) length = capacity;
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    bool there = napi_get_element(env, array, i, &element) == napi_ok;
    into[i] = there ? static_cast<int>(integer_of(env, element, -1)) : -1;
  }
  return length;
}

napi_value make_integer(napi_env env, int64_t value) {
  napi_value result;
  napi_create_int64(env, value, &result);
  return result;
}

napi_value make_integers(napi_env env, const int *values, int count) {
  napi_value array;
  napi_create_array_with_length(env, static_cast<size_t>(count), &array);
  for (int i = 0; i < count; i++) {
    napi_set_element(env, array, static_cast<uint32_t>(i), make_integer(env, values[i]));
  }
  return array;
}

napi_value make_undefined(napi_env env) {
  napi_value result;
  napi_get_undefined(env, &result);
  return result;
}

void set_property(napi_env env, napi_value object, const char *key, napi_value value) {
  napi_set_named_property(env, object, key, value);
}

void export_function(napi_env env, napi_value exports, const char *name, napi_callback function) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  set_property(env, exports, name, value);
}

// openTun and readRoutes for JavaScript.
#include <arpa/inet.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "tun_open.h"

namespace {

SteeringKey steering_key(napi_env env, napi_value object, int queues) {
  SteeringKey key;
  key.low = static_cast<uint32_t>(integer_property(env, object, "keyLow", 0));
  key.high = static_cast<uint32_t>(integer_property(env, object, "keyHigh", 0));
  key.queues = queues;
  return key;
}

void read_request(napi_env env, napi_value object, TunRequest &request) {
  string_property(env, object, "name", request.name, sizeof request.name);
  string_property(env, object, "netns", request.netns, sizeof request.netns);
  int64_t queues = integer_property(env, object, "queues", 1);
  request.queues = queues < 1 ? 1 : queues > MAX_QUEUES ? MAX_QUEUES : static_cast<int>(queues);
  request.vnet_header = integer_property(env, object, "vnetHeader", 0) != 0;
  request.gather = integer_property(env, object, "gather", 0) != 0;
  napi_value offloads;
  napi_get_named_property(env, object, "offloads", &offloads);
  request.offload_count = integers_of(env, offloads, request.offloads, MAX_OFFLOADS);
  request.address = htonl(static_cast<uint32_t>(integer_property(env, object, "address", 0)));
  request.prefix = static_cast<int>(integer_property(env, object, "prefix", 24));
  request.mtu = static_cast<int>(integer_property(env, object, "mtu", 1500));
  request.with_diagnosis = integer_property(env, object, "withDiagnosis", 0) != 0;
  request.with_raw_socket = integer_property(env, object, "withRawSocket", 0) != 0;
  request.with_steering = integer_property(env, object, "withSteering", 0) != 0;
  request.steering = steering_key(env, object, request.queues);
}

napi_value make_result(napi_env env, const TunResult &result) {
  napi_value object, name;
  napi_create_object(env, &object);
  napi_create_string_utf8(env, result.name, NAPI_AUTO_LENGTH, &name);
  set_property(env, object, "name", name);
  set_property(env, object, "queues", make_integers(env, result.fds, result.count));
  set_property(env, object, "vnetHeader", make_integer(env, result.vnet_header ? 1 : 0));
  set_property(env, object, "gathers", make_integer(env, result.gathers ? 1 : 0));
  set_property(env, object, "offload", make_integer(env, result.offload));
  set_property(env, object, "diagnosis", make_integer(env, result.diagnosis));
  set_property(env, object, "raw", make_integer(env, result.raw));
  set_property(env, object, "steered", make_integer(env, result.steered ? 1 : 0));
  return object;
}

napi_value open_tun_export(napi_env env, napi_callback_info info) {
  napi_value argument;
  read_arguments(env, info, &argument, 1);
  TunRequest request;
  TunResult result;
  read_request(env, argument, request);
  open_tun(request, result);
  if (result.failure.happened()) return throw_failure(env, result.failure);
  return make_result(env, result);
}

constexpr long ROUTES_SIZE = 1 << 20;

napi_value read_routes_export(napi_env env, napi_callback_info info) {
  napi_value argument, text;
  read_arguments(env, info, &argument, 1);
  char netns[PATH_MAX];
  string_of(env, argument, netns, sizeof netns);
  std::unique_ptr<char[]> buffer(new char[ROUTES_SIZE]);
  Failure failure;
  long length = read_routes(netns, buffer.get(), ROUTES_SIZE, failure);
  if (failure.happened()) return throw_failure(env, failure);
  napi_create_string_latin1(env, buffer.get(), static_cast<size_t>(length), &text);
  return text;
}

/** testSteering({ keyLow, keyHigh, queues }, packets) → what the program says about each. */
napi_value test_steering_export(napi_env env, napi_callback_info info) {
  napi_value values[2], result;
  read_arguments(env, info, values, 2);
  int queues = static_cast<int>(integer_property(env, values[0], "queues", 1));
  Failure failure;
  int program = load_steering(steering_key(env, values[0], queues), failure);
  uint32_t count = 0;
  napi_get_array_length(env, values[1], &count);
  napi_create_array_with_length(env, count, &result);
  for (uint32_t i = 0; i < count && !failure.happened(); i++) {
    napi_value packet;
    size_t length = 0;
    void *bytes = nullptr;
    napi_get_element(env, values[1], i, &packet);
    napi_get_typedarray_info(env, packet, nullptr, &length, &bytes, nullptr, nullptr);
    int queue = test_steering(program, static_cast<uint8_t *>(bytes), length, failure);
    napi_set_element(env, result, i, make_integer(env, queue));
  }
  if (program >= 0) close(program);
  return failure.happened() ? throw_failure(env, failure) : result;
}

}  // namespace

void export_tun(napi_env env, napi_value exports) {
  export_function(env, exports, "openTun", open_tun_export);
  export_function(env, exports, "readRoutes", read_routes_export);
  export_function(env, exports, "testSteering", test_steering_export);
}

// openTun and readRoutes for JavaScript.
#include <arpa/inet.h>

#include <cstring>
#include <memory>

#include "tun_open.h"

namespace {

void read_request(napi_env env, napi_value object, TunRequest &request) {
  string_property(env, object, "name", request.name, sizeof request.name);
  string_property(env, object, "netns", request.netns, sizeof request.netns);
  int64_t queues = integer_property(env, object, "queues", 1);
  request.queues = queues < 1 ? 1 : queues > MAX_QUEUES ? MAX_QUEUES : static_cast<int>(queues);
  request.vnet_header = integer_property(env, object, "vnetHeader", 0) != 0;
  napi_value offloads;
  napi_get_named_property(env, object, "offloads", &offloads);
  request.offload_count = integers_of(env, offloads, request.offloads, MAX_OFFLOADS);
  request.address = htonl(static_cast<uint32_t>(integer_property(env, object, "address", 0)));
  request.prefix = static_cast<int>(integer_property(env, object, "prefix", 24));
  request.mtu = static_cast<int>(integer_property(env, object, "mtu", 1500));
  request.with_diagnosis = integer_property(env, object, "withDiagnosis", 0) != 0;
  request.with_raw_socket = integer_property(env, object, "withRawSocket", 0) != 0;
}

napi_value make_result(napi_env env, const TunResult &result) {
  napi_value object, name;
  napi_create_object(env, &object);
  napi_create_string_utf8(env, result.name, NAPI_AUTO_LENGTH, &name);
  set_property(env, object, "name", name);
  set_property(env, object, "queues", make_integers(env, result.fds, result.count));
  set_property(env, object, "vnetHeader", make_integer(env, result.vnet_header ? 1 : 0));
  set_property(env, object, "offload", make_integer(env, result.offload));
  set_property(env, object, "diagnosis", make_integer(env, result.diagnosis));
  set_property(env, object, "raw", make_integer(env, result.raw));
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

}  // namespace

void export_tun(napi_env env, napi_value exports) {
  export_function(env, exports, "openTun", open_tun_export);
  export_function(env, exports, "readRoutes", read_routes_export);
}

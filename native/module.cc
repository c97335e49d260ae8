// The addon: everything that Fourwave needs of Linux and Node does not offer. The JavaScript side and
// the meaning of each function: src/device/native.ts.
#include <node_api.h>

void export_tun(napi_env env, napi_value exports);
void export_port(napi_env env, napi_value exports);
void export_privileges(napi_env env, napi_value exports);
void export_descriptors(napi_env env, napi_value exports);

NAPI_MODULE_INIT() {
  export_tun(env, exports);
  export_port(env, exports);
  export_privileges(env, exports);
  export_descriptors(env, exports);
  return exports;
}

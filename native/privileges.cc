// Giving up privileges, and becoming the same program again so that no thread keeps any.
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "napi_args.h"

namespace {

constexpr int MAX_GROUPS = 1024;
constexpr int MAX_KEPT = 64;
constexpr int UNKNOWN = -1;

struct Identity {
  /** UNKNOWN: as it is. */
  int uid = UNKNOWN;
  int gid = UNKNOWN;
  int groups[MAX_GROUPS];
  uint32_t group_count = 0;
};

bool change_groups(const Identity &identity, Failure &failure) {
  if (identity.gid == UNKNOWN) return true;
  gid_t groups[MAX_GROUPS];
  for (uint32_t i = 0; i < identity.group_count; i++) groups[i] = static_cast<gid_t>(identity.groups[i]);
  if (setgroups(identity.group_count, groups) != 0) return failure.note("setgroups");
  gid_t gid = static_cast<gid_t>(identity.gid);
  return setresgid(gid, gid, gid) == 0 || failure.note("setresgid");
}

/** Must come before the change of uid, which takes CAP_SETPCAP away. */
bool clear_bounding_set(Failure &failure) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return failure.note("prctl(PR_CAPBSET_DROP)");
  }
  return true;
}

bool change_user(const Identity &identity, Failure &failure) {
  if (identity.uid == UNKNOWN) return true;
  uid_t uid = static_cast<uid_t>(identity.uid);
  return setresuid(uid, uid, uid) == 0 || failure.note("setresuid");
}

/** Effective, permitted, inheritable and ambient. */
bool clear_capabilities(Failure &failure) {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  return syscall(SYS_capset, &header, none) == 0 || failure.note("capset");
}

/** dropPrivileges({ uid, gid, groups }): of this thread; execProgram makes it that of the process. */
napi_value drop_privileges(napi_env env, napi_callback_info info) {
  napi_value argument, groups;
  read_arguments(env, info, &argument, 1);
  auto identity = std::make_unique<Identity>();
  identity->uid = static_cast<int>(integer_property(env, argument, "uid", UNKNOWN));
  identity->gid = static_cast<int>(integer_property(env, argument, "gid", UNKNOWN));
  napi_get_named_property(env, argument, "groups", &groups);
  identity->group_count = integers_of(env, groups, identity->groups, MAX_GROUPS);
  Failure failure;
  bool done = change_groups(*identity, failure) && clear_bounding_set(failure) &&
              change_user(*identity, failure) && clear_capabilities(failure) &&
              (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 || failure.note("prctl(PR_SET_NO_NEW_PRIVS)"));
  return done ? make_undefined(env) : throw_failure(env, failure);
}

std::vector<std::string> strings_of(napi_env env, napi_value array) {
  std::vector<std::string> strings;
  uint32_t count = 0;
  napi_get_array_length(env, array, &count);
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    size_t length = 0;
    napi_get_element(env, array, i, &element);
    napi_get_value_string_utf8(env, element, nullptr, 0, &length);
    std::string text(length, '\0');
    napi_get_value_string_utf8(env, element, &text[0], length + 1, &length);
    strings.push_back(text);
  }
  return strings;
}

std::vector<char *> pointers_to(std::vector<std::string> &strings) {
  std::vector<char *> pointers;
  for (std::string &text : strings) pointers.push_back(&text[0]);
  pointers.push_back(nullptr);
  return pointers;
}

bool set_inherited(const int *fds, uint32_t count, bool inherited, Failure &failure) {
  for (uint32_t i = 0; i < count; i++) {
    if (fcntl(fds[i], F_SETFD, inherited ? 0 : FD_CLOEXEC) != 0) return failure.note("fcntl(F_SETFD)");
  }
  return true;
}

/** execProgram(path, argv, environment, keptDescriptors): returns only to throw. */
napi_value exec_program(napi_env env, napi_callback_info info) {
  napi_value values[4];
  read_arguments(env, info, values, 4);
  char path[4096];
  string_of(env, values[0], path, sizeof path);
  std::vector<std::string> arguments = strings_of(env, values[1]);
  std::vector<std::string> environment = strings_of(env, values[2]);
  std::vector<char *> argv = pointers_to(arguments);
  std::vector<char *> envp = pointers_to(environment);
  int kept[MAX_KEPT];
  uint32_t count = integers_of(env, values[3], kept, MAX_KEPT);
  Failure failure;
  // Node has closed even these to its successors (uv_disable_stdio_inheritance).
  for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++) fcntl(standard, F_SETFD, 0);
  if (set_inherited(kept, count, true, failure)) {
    execve(path, argv.data(), envp.data());
    failure.note("execve");
    set_inherited(kept, count, false, failure);
  }
  return throw_failure(env, failure);
}

}  // namespace

void export_privileges(napi_env env, napi_value exports) {
  export_function(env, exports, "dropPrivileges", drop_privileges);
  export_function(env, exports, "execProgram", exec_program);
}

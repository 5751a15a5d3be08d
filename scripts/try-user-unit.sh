#!/bin/sh
# Starts the unit that `boxswain service install` writes for a user under a real user manager of systemd, with a probe in place of the server:
# what it may see and write, and that a sandbox can be made. Needs root, systemd, bubblewrap and util-linux; systemd need not run. All is done
# in namespaces of its own.
set -eu
cd "$(dirname "$0")/.."
if [ "${1:-}" != inside ]; then
  unit=$(mktemp)
  trap 'rm -f "$unit"; find "/sys/fs/cgroup/unified/user.slice" "/sys/fs/cgroup/user.slice/user-12345.slice" -depth -type d -exec rmdir {} + 2>/dev/null || true' EXIT
  node --input-type=module --eval "
    const { targetOf } = await import('$PWD/src/cli/service/target.ts');
    const host = { platform: 'linux', isRoot: false, uid: 12345, env: { HOME: '/home/tester' }, root: '/' };
    process.stdout.write(targetOf('user', host).text(['/bin/sh', '/home/tester/probe.sh']));
  " >"$unit"
  unshare --mount --pid --fork --mount-proc sh "$0" inside "$unit"
  exit
fi

user=12345
mount --make-rprivate /
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/systemd/system "/run/user/$user"
mkdir -m 700 /run/systemd/unit-root
umount -l -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
group="/sys/fs/cgroup/user.slice/user-$user.slice/user@$user.service"
mkdir -p "$group/init.scope"
echo $$ >"$group/init.scope/cgroup.procs"
mount -t tmpfs -o mode=755 home /home
units=/home/tester/.config/systemd/user
mkdir -p "$units" /home/other
{ cat /etc/passwd; echo "tester:x:$user:$user::/home/tester:/bin/sh"; } >/run/passwd
mount --bind /run/passwd /etc/passwd
sed -e 's/^Type=.*/Type=oneshot/' -e '/^Restart=/d' "$2" >"$units/boxswain.service"
cat >/home/tester/probe.sh <<'P'
exec >/home/tester/found 2>&1
[ "$(ls /home)" = tester ] && echo 'other homes are not there'
touch "$HOME/own" "$XDG_RUNTIME_DIR/own" && echo 'its own home and runtime folder are writable'
touch /usr/own 2>/dev/null || echo 'the system is not'
own=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
mkdir "$own/boxes" && echo 'it makes groups below its own'
mkdir /sys/fs/cgroup/foreign 2>/dev/null || echo 'and none elsewhere'
bwrap --unshare-all --unshare-user --disable-userns --cap-drop ALL --uid 1000 --gid 1000 --die-with-parent --new-session \
  --hostname box --ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin \
  --proc /proc --dev /dev --tmpfs /tmp --bind "$HOME" /workspace -- sh -c 'ls /proc/self/fd >/dev/null && touch /workspace/own' &&
  echo 'it makes a sandbox'
echo done
P
chown -R "$user:$user" "$group" "/run/user/$user" /home/tester
export XDG_RUNTIME_DIR="/run/user/$user" HOME=/home/tester USER=tester
setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps=-all /lib/systemd/systemd --user --unit=boxswain.service &
for _ in $(seq 100); do
  if grep -qs '^done$' /home/tester/found; then break; fi
  sleep 0.1
done
cat /home/tester/found
[ "$(grep -c . /home/tester/found)" -eq 7 ]

# A container engine for tests/container, on a machine that may have none. To be sourced, by bash:
#
#   . tests/container/prepare.sh
#   trap container_stop EXIT
#   container_begin       # an engine; its images are made while something else goes on
#   container_prepare     # waits for them; sets NEEDS_DOCKER, and BUILD_BASE where it is needed
#
# An engine that runs is used as it is. Else one is installed by apt and started by hand (both as root only), with all it
# keeps under $CONTAINER_CACHE. Where python:3.13-slim cannot be pulled, this machine's own Debian stands in for it.

CONTAINER_CACHE=${CONTAINER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/minternet-ci}
CONTAINER_BASE=python:3.13-slim
CONTAINER_BUILD_BASE=minternet-build-base
CONTAINER_STATE=
CONTAINER_IMAGES=

# Have an engine, and begin to make its images; says in one line why not.
container_begin() {
  container_engine || return 1
  container_images &
  CONTAINER_IMAGES=$!
}

# Whether tests/container can run; says in one line why not.
container_prepare() {
  [ -n "$CONTAINER_IMAGES" ] || container_begin || return 1
  wait "$CONTAINER_IMAGES" || { CONTAINER_IMAGES=; return 1; }
  CONTAINER_IMAGES=
  export NEEDS_DOCKER=1
  if docker image inspect "$CONTAINER_BUILD_BASE" >/dev/null 2>&1; then
    export BUILD_BASE=$CONTAINER_BUILD_BASE
  fi
}

container_images() {
  container_base && container_build_base && container_warm
}

# Have in the engine's cache what the tests' images take longest for: the packages they are built of.
container_warm() {
  local pair extra=()
  if docker image inspect "$CONTAINER_BUILD_BASE" >/dev/null 2>&1; then
    extra=(--network host --build-arg "BUILD_BASE=$CONTAINER_BUILD_BASE")
  fi
  for pair in minternet-test:Dockerfile minternet-test-check:deploy/check.Dockerfile; do
    # With the builder that the SDK uses, whose cache is another than BuildKit's. The tests say what is wrong with it.
    DOCKER_BUILDKIT=0 docker build --quiet "${extra[@]}" --target build --tag "${pair%%:*}-build" \
      --file "${pair#*:}" . >/dev/null 2>&1 || return 0
  done
}

container_engine() {
  if command -v docker >/dev/null && docker version >/dev/null 2>&1; then
    return 0
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "tests/container: no container engine runs, and only root can start one" >&2
    return 1
  fi
  container_install && container_start
}

container_install() {
  local missing=""
  command -v dockerd >/dev/null || missing="$missing docker.io"
  command -v docker-compose >/dev/null || missing="$missing docker-compose"
  command -v debootstrap >/dev/null || missing="$missing debootstrap"
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null; then
    echo "tests/container: these are missing, and there is no apt to install them:$missing" >&2
    return 1
  fi
  # shellcheck disable=SC2086
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing iptables; } >/dev/null; then
    echo "tests/container: apt cannot install$missing" >&2
    return 1
  fi
}

# dockerd with a socket, a process file and a log of its own. Without iptables where the kernel has none: then nothing is
# reached but on published ports, by the engine's own proxy.
container_start() {
  local variant tries
  CONTAINER_STATE=$(mktemp -d /tmp/minternet-docker.XXXXXX)
  mkdir -p "$CONTAINER_CACHE/engine"
  for variant in "" "--iptables=false"; do
    # shellcheck disable=SC2086
    setsid dockerd --data-root "$CONTAINER_CACHE/engine" --exec-root "$CONTAINER_STATE/exec" \
      --pidfile "$CONTAINER_STATE/pid" -H "unix://$CONTAINER_STATE/docker.sock" $variant >"$CONTAINER_STATE/log" 2>&1 &
    for tries in $(seq 100); do
      if DOCKER_HOST="unix://$CONTAINER_STATE/docker.sock" docker version >/dev/null 2>&1; then
        export DOCKER_HOST="unix://$CONTAINER_STATE/docker.sock"
        return 0
      fi
      [ "$tries" -lt 10 ] || container_pid >/dev/null || break
      sleep 0.2
    done
    container_end
  done
  echo "tests/container: dockerd does not start: $(tail -n 1 "$CONTAINER_STATE/log")" >&2
  rm -rf "$CONTAINER_STATE"
  CONTAINER_STATE=
  return 1
}

# The engine's process, if it lives.
container_pid() {
  [ -s "$CONTAINER_STATE/pid" ] && kill -0 "$(cat "$CONTAINER_STATE/pid")" 2>/dev/null && cat "$CONTAINER_STATE/pid"
}

container_end() {
  local pid tries
  pid=$(container_pid) || return 0
  kill "$pid"
  for tries in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.2
  done
  kill -9 "$pid"
}

# End the engine, if it was started here, and leave its cache without what no name points to any more.
container_stop() {
  [ -z "$CONTAINER_IMAGES" ] || wait "$CONTAINER_IMAGES" || true
  CONTAINER_IMAGES=
  [ -n "$CONTAINER_STATE" ] || return 0
  docker image prune --force >/dev/null 2>&1 || true
  container_end
  umount "$CONTAINER_STATE"/exec/netns/* 2>/dev/null || true
  rm -rf "$CONTAINER_STATE"
  CONTAINER_STATE=
  unset DOCKER_HOST NEEDS_DOCKER BUILD_BASE
}

container_base() {
  local kept="$CONTAINER_CACHE/base.tar"
  if docker image inspect "$CONTAINER_BASE" >/dev/null 2>&1; then
    return 0
  fi
  if [ ! -s "$kept" ] && timeout 60 docker pull --quiet "$CONTAINER_BASE" >/dev/null 2>&1; then
    return 0
  fi
  if [ -z "$CONTAINER_STATE" ]; then
    echo "tests/container: $CONTAINER_BASE cannot be pulled, and nothing else is given that name in an engine of yours" >&2
    return 1
  fi
  [ -s "$kept" ] || container_make_base "$kept" || return 1
  docker import --change 'CMD ["python3"]' "$kept" "$CONTAINER_BASE" >/dev/null
}

# What this machine's package archive calls its own release, with Python and no more, as a tar file. Written in memory
# where that can be: dpkg waits for the disk after each package.
container_make_base() {
  local archive release root="$CONTAINER_STATE/base"
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  archive=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v release="$release" '$2 == release && $3 == "main" { print $1; exit }')
  mkdir -p "$root"
  mount -t tmpfs -o size=1g tmpfs "$root" 2>/dev/null || true
  if ! debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,netbase,tzdata \
    "$release" "$root" "$archive" >"$CONTAINER_STATE/debootstrap.log" 2>&1; then
    echo "tests/container: debootstrap failed: $(tail -n 1 "$CONTAINER_STATE/debootstrap.log")" >&2
    umount "$root" 2>/dev/null
    return 1
  fi
  mkdir -p "$(dirname "$1")"
  tar -C "$root" -c --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./usr/share/doc/*' \
    --exclude='./usr/share/man/*' --exclude='./usr/share/info/*' --exclude='./usr/share/locale/*' \
    --exclude='./var/log/*' --exclude='./usr/lib/*/gconv/*' --exclude='./dev/*' . >"$1.part"
  umount "$root" 2>/dev/null
  mv "$1.part" "$1"
}

# Where pip needs this machine's certificates or index, a base for building has them; no image that is kept does.
container_build_base() {
  local certificates index folder
  certificates=${PIP_CERT:-$(python3 -m pip config get global.cert 2>/dev/null || true)}
  index=${PIP_INDEX_URL:-$(python3 -m pip config get global.index-url 2>/dev/null || true)}
  [ -n "$certificates$index" ] || return 0
  folder=$(mktemp -d)
  {
    echo "FROM $CONTAINER_BASE"
    [ -z "$index" ] || echo "ENV PIP_INDEX_URL=$index"
    if [ -s "$certificates" ]; then
      cp "$certificates" "$folder/certificates.pem"
      echo "COPY certificates.pem /etc/ssl/build.pem"
      echo "ENV PIP_CERT=/etc/ssl/build.pem"
    fi
  } >"$folder/Dockerfile"
  if ! docker build --quiet --tag "$CONTAINER_BUILD_BASE" "$folder" >"$folder/log" 2>&1; then
    echo "tests/container: $CONTAINER_BUILD_BASE cannot be built: $(tail -n 1 "$folder/log")" >&2
    rm -rf "$folder"
    return 1
  fi
  rm -rf "$folder"
}

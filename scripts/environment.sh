# Read by the scripts that need a virtual environment, which it makes as the sources say.
#
#     environment DIRECTORY WHAT PIP-ARGUMENT...
#
# makes the virtual environment DIRECTORY and runs `pip install PIP-ARGUMENT...` in it. That is skipped if the
# last time was the same WHAT, with the same interpreter and the same build files. pip is quiet unless it fails.
# The caller has set `root`, the top of the checkout.

environment() {
  venv=$1 what=$2
  shift 2
  python=$(find_python)
  find_compiler
  stamp="$venv/hashpact-stamp"
  now=$(
    {
      echo "$what"
      "$python" -c 'import sys; print(sys.executable, sys.version)'
      sources "$what"
    } | cksum
  )
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ]; then
    return
  fi
  echo "Installing in $venv (a few minutes the first time) ..." >&2
  if ! { [ -x "$venv/bin/python" ] && grep -qsF "$("$python" -c 'import sys; print(sys.version)')" "$venv/hashpact-python"; }; then
    rm -rf "$venv"
    mkdir -p "$(dirname "$venv")"
    "$python" -m venv "$venv"
    "$python" -c 'import sys; print(sys.version)' >"$venv/hashpact-python"
  fi
  rm -f "$stamp"
  if ! "$venv/bin/python" -m pip install "$@" >"$venv/pip.log" 2>&1 </dev/null; then
    cat "$venv/pip.log" >&2
    echo "The installation failed; what pip said is above, and in $venv/pip.log." >&2
    exit 1
  fi
  echo "$now" >"$stamp"
}

# What an installation depends on. An editable one takes the Python files as they are, but knows each by its
# name: it would not find a module that has moved. Another copies them.
sources() {
  cd "$root"
  cat pyproject.toml CMakeLists.txt scripts/generate
  case $1 in
    editable*)
      find src/kernel tests/fuzz proto -type f -exec cksum {} + | sort
      find src/hashpact -name '*.py' ! -path 'src/hashpact/wire/v1/*' | sort
      ;;
    *) find src proto -type f ! -name '*.pyc' ! -path 'src/hashpact/wire/v1/*' -exec cksum {} + | sort ;;
  esac
}

find_python() {
  for candidate in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3}; do
    # A name can be there and not start, as the shims of version managers do.
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "Hashpact needs Python 3.11 or newer with its venv module; none of these is: ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3}." >&2
  echo "Install one (on Debian: apt install python3 python3-venv), or name it: PYTHON=/path/to/python3 $0" >&2
  exit 1
}

find_compiler() {
  for candidate in ${CXX:-c++ g++ clang++}; do
    if command -v "$candidate" >/dev/null 2>&1; then
      return
    fi
  done
  echo "Hashpact needs a C++17 compiler; none of these is here: ${CXX:-c++ g++ clang++}." >&2
  echo "Install one (on Debian: apt install g++ python3-dev), or name it: CXX=/path/to/compiler $0" >&2
  exit 1
}

# Whatever can be had of an extra: `peers VENV EXTRA`, after `environment`. A benchmark compares with other
# packages, and goes on without those that cannot be installed on this Python or need other versions of what
# Hashpact needs. They are tried once for each installation.
peers() {
  if [ "$1/hashpact-peers" -nt "$1/hashpact-stamp" ]; then
    return
  fi
  rm -f "$1/hashpact-peers" "$1/peers.log"
  required dependencies >"$1/constraints.txt"
  required optional-dependencies "$2" | while read -r peer; do
    echo "Installing $peer in $1 ..." >&2
    "$1/bin/python" -m pip install --prefer-binary --constraint "$1/constraints.txt" "$peer" \
      >>"$1/peers.log" 2>&1 </dev/null ||
      echo "Going on without $peer, which cannot be installed here: see $1/peers.log. To try again, remove $1/hashpact-peers." >&2
  done
  touch "$1/hashpact-peers"
}

# The requirements under a key of the table `project` in pyproject.toml, one a line.
required() {
  "$(find_python)" -c '
import sys, tomllib
found = tomllib.load(open(sys.argv[1], "rb"))["project"]
for key in sys.argv[2:]:
    found = found[key]
print(*found, sep="\n")' "$root/pyproject.toml" "$@"
}

# The environment for developing: editable, with everything that the tests and the checks need.
develop() {
  werror=${HASHPACT_WERROR:-OFF}
  # Its own build directory: what this build defines must not stay in the cache of another's.
  environment "$root/.venv" "editable, HASHPACT_WERROR=$werror" \
    --config-settings=build-dir="$root/build/develop/{wheel_tag}" \
    --config-settings=cmake.define.HASHPACT_WERROR="$werror" \
    --config-settings=cmake.define.HASHPACT_INSTRUMENTS=ON -e "$root[dev]"
}

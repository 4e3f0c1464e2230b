#!/bin/sh
# Installs the latest coldframe for this machine, after comparing its checksum.
#   COLDFRAME_BIN  where to put it (default: ~/.local/bin)
#   COLDFRAME_URL  where the files of the release are
set -eu

url=${COLDFRAME_URL:-https://github.com/coldframe/coldframe/releases/latest/download}
bin=${COLDFRAME_BIN:-$HOME/.local/bin}

die() {
  echo "install.sh: $1" >&2
  exit 1
}

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# The last line calls this, so that a script cut short on its way does nothing.
install() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) file=coldframe-linux-x64 ;;
    Linux-aarch64) file=coldframe-linux-arm64 ;;
    Darwin-x86_64) file=coldframe-darwin-x64 ;;
    Darwin-arm64) file=coldframe-darwin-arm64 ;;
    *) die "there is no binary for $(uname -s) on $(uname -m)" ;;
  esac

  mkdir -p "$bin"
  work=$(mktemp -d "$bin/.coldframe-XXXXXX") # beside its place, so that it takes it in one step
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM

  curl -fsSL -o "$work/SHA256SUMS" "$url/SHA256SUMS" || die "cannot download $url/SHA256SUMS"
  curl -fsSL -o "$work/$file" "$url/$file" || die "cannot download $url/$file"
  wanted=$(awk -v file="$file" '$2 == file { print $1 }' "$work/SHA256SUMS")
  [ -n "$wanted" ] || die "SHA256SUMS does not name $file"
  [ "$(sha256 "$work/$file")" = "$wanted" ] || die "$file is not what SHA256SUMS says; nothing was installed"

  chmod 755 "$work/$file"
  "$work/$file" --version >/dev/null || die "$file does not run on this machine; nothing was installed"
  mv -f "$work/$file" "$bin/coldframe"
  echo "Installed $bin/coldframe $("$bin/coldframe" --version)"
  case ":$PATH:" in
    *":$bin:"*) ;;
    *) echo "Add $bin to your PATH, or call it by its full name." ;;
  esac
}

install

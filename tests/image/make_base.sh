#!/usr/bin/env bash
# make_base.sh FOLDER: into FOLDER, what an image build needs so that it needs no registry and no network:
#   base.tar   a stand-in for the Dockerfile's base: the same Debian and Python, from this machine's Debian mirror
#   wheels/    the locked packages for that Python, each checked by its hash
# As root; Linux on x86-64. Both are made once, and again when what they are made from changes.
set -euo pipefail
folder=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "$folder"

make_base() {
  local mirror
  # apt knows the mirror: only the release is another one.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed -n 1p)
  [[ -n $mirror ]] || { echo "apt has no mirror" >&2; return 1; }
  # Like the official image it has pip, ensurepip and a shell, and no compiled standard library.
  mmdebstrap --quiet --mode=root --variant=essential \
    --include=python3-minimal,python3-venv,python3-pip,ca-certificates \
    --aptopt='Apt::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt=force-unsafe-io \
    --customize-hook='find "$1/usr/lib/python3" "$1"/usr/lib/python3.* -name __pycache__ -exec rm -rf {} +' \
    trixie "$folder/base.tmp.tar" "$mirror"
  mv "$folder/base.tmp.tar" "$folder/base.tar"
}

make_wheels() {
  local version lock
  version=$(tar -tf "$folder/base.tar" | sed -nE 's#^\./usr/bin/python(3\.[0-9]+)$#\1#p')
  rm -rf "$folder/wheels" "$folder/wheels.tmp"
  for lock in build demo; do
    "${PYTHON:-python3}" -m pip download --quiet --disable-pip-version-check --require-hashes \
      --python-version "$version" --only-binary=:all: \
      --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 \
      -r "$root/requirements/$lock.txt" -d "$folder/wheels.tmp"
  done
  mv "$folder/wheels.tmp" "$folder/wheels"
  cp "$root/requirements/build.txt" "$root/requirements/demo.txt" "$folder/wheels"
}

fresh() {
  cmp -s "$root/requirements/build.txt" "$folder/wheels/build.txt" &&
    cmp -s "$root/requirements/demo.txt" "$folder/wheels/demo.txt"
}

[[ -s $folder/base.tar && $folder/base.tar -nt ${BASH_SOURCE[0]} ]] || make_base
fresh || make_wheels

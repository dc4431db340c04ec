# Find the supported Pythons on this machine. To be sourced.

supported=(3.11 3.12 3.13)
declare -A python_of
other_versions=()
system_python="" # the distribution's own, if it is not the main one
main_python=""
main_version=""

version_of() {
  "$1" -c 'import ensurepip, sys, venv; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

candidates() {
  local root version=$1
  root=${PYENV_ROOT:-$(pyenv root 2>/dev/null || true)}
  if [[ -n $root ]]; then
    ls -d "$root/versions/$version".*/bin/"python$version" 2>/dev/null | sort -V -r || true
  fi
  command -v "python$version" || true
}

# Sets main_python, main_version, python_of and other_versions; fails without a main one.
find_pythons() {
  local version candidate
  for version in "${supported[@]}"; do
    while read -r candidate; do
      if [[ -n $candidate && $(version_of "$candidate") == "$version" ]]; then
        python_of[$version]=$candidate
        break
      fi
    done < <(candidates "$version")
  done
  main_python=$(command -v "${PYTHON:-python3}" || true)
  main_version=${main_python:+$(version_of "$main_python")}
  if [[ " ${supported[*]} " != *" $main_version "* || -z $main_version ]]; then
    # python3 is too old, too new, or not whole: the oldest supported one that is here.
    main_version=""
    for version in "${supported[@]}"; do
      if [[ -n ${python_of[$version]:-} ]]; then
        main_version=$version
        main_python=${python_of[$version]}
        break
      fi
    done
  fi
  [[ -n $main_version ]] || { echo "none of Python ${supported[*]} is on this machine" >&2; return 1; }
  if [[ -x /usr/bin/python3 && $(readlink -f /usr/bin/python3) != "$(readlink -f "$main_python")" ]] &&
    [[ " ${supported[*]} " == *" $(version_of /usr/bin/python3) "* && -n $(version_of /usr/bin/python3) ]]; then
    system_python=/usr/bin/python3
    echo "The distribution's own: $($system_python --version)"
  fi
  for version in "${supported[@]}"; do
    if [[ $version == "$main_version" ]]; then
      echo "Python $version: $main_python (the main one)"
    elif [[ -n ${python_of[$version]:-} ]]; then
      other_versions+=("$version")
      echo "Python $version: ${python_of[$version]}"
    else
      echo "Python $version: NOT on this machine, not tested on"
    fi
  done
}

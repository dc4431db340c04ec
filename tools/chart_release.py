"""Write the chart as it is published: with the links of its repository, with its image and its runbooks.

``tools/chart_release.py REPOSITORY IMAGE FOLDER``: the URL of the repository on its forge, where the
release's image is, without a tag, and a folder to write to. The chart in this repository names neither: it is
the same in every fork. Only Python's own library, because the release workflow has nothing else.
"""

import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "helm" / "glue-mv-exporter"
ICON = "exporter/web/static/icon.svg"


def links(repository: str, image: str, version: str) -> str:
    """Return what follows on the annotations in Chart.yaml: where things are, for Artifact Hub and Helm."""
    files = f"{repository}/blob/v{version}"
    annotations = {
        "images": [{"name": "glue-mv-exporter", "image": f"{image}:{version}"}],
        "links": [
            {"name": "Documentation", "url": f"{files}/docs/kubernetes.md"},
            {"name": "Changelog", "url": f"{files}/CHANGELOG.md"},
            {"name": "Support", "url": f"{repository}/issues"},
        ],
    }
    # Artifact Hub reads YAML within a text. JSON is both.
    lines = [f"  artifacthub.io/{key}: {json.dumps(json.dumps(value))}" for key, value in annotations.items()]
    lines += [
        f"home: {repository}",
        f"sources: [{json.dumps(repository)}]",
        f"icon: {repository}/raw/v{version}/{ICON}",
    ]
    return "\n".join(lines) + "\n"


def replaced(file: Path, pattern: str, text: str) -> None:
    """Replace the only match in a file. Raises ValueError where there is not one."""
    written, times = re.subn(pattern, lambda _: text, file.read_text(), flags=re.MULTILINE)
    if times != 1:
        raise ValueError(f"{file.name}: {times} lines match {pattern}")
    file.write_text(written)


def main(arguments: list[str]) -> int:
    """Run as a script."""
    repository, image, folder = arguments[0].rstrip("/"), arguments[1], Path(arguments[2])
    shutil.copytree(CHART, folder, dirs_exist_ok=True)
    chart = folder / "Chart.yaml"
    (version,) = re.findall("^version: (.+)$", chart.read_text(), re.MULTILINE)
    chart.write_text(chart.read_text() + links(repository, image, version))
    # Outside of the repository, relative links lead nowhere.
    readme = folder / "README.md"
    readme.write_text(readme.read_text().replace("](../../", f"]({repository}/blob/v{version}/"))
    runbooks = f"{repository}/blob/v{version}/docs/runbooks"
    replaced(folder / "values.yaml", "^  runbookUrl: .+$", f"  runbookUrl: {runbooks}")
    # Not image.registry: a user's own repository would then be looked for there.
    replaced(folder / "values.yaml", "^  repository: glue-mv-exporter$", f"  repository: {image}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

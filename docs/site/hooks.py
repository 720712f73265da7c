"""Hooks of mkdocs: links that leave docs/ lead to the repository, and diagrams
are pictures."""

import base64
import pathlib
import posixpath
import re
import subprocess

REPOSITORY = "https://github.com/extpack/extpack/tree/main/"
HERE = pathlib.Path(__file__).parent
TOOLS = HERE.parent.parent / "bin" / "site-tools"


def on_files(files, **_):
    for file in list(files):
        if file.src_uri.startswith("site/"):
            files.remove(file)
    return files


def picture(match):
    svg = subprocess.run(
        ["node", HERE / "diagram.mjs", TOOLS],
        input=match[1].encode(), stdout=subprocess.PIPE, check=True,
    ).stdout
    data = base64.b64encode(svg).decode()
    return f'<img alt="Diagram" style="max-width: 100%" src="data:image/svg+xml;base64,{data}">'


def on_page_markdown(markdown, page, **_):
    def absolute(match):
        folder = posixpath.dirname(page.file.src_uri)
        target = posixpath.normpath(posixpath.join(folder, match[1]))
        if not target.startswith("../"):
            return match[0]
        return "](" + REPOSITORY + target[3:] + ")"

    markdown = re.sub(r"\]\(([^()\s:]+)\)", absolute, markdown)
    return re.sub(r"^```mermaid\n(.*?)^```$", picture, markdown, flags=re.M | re.S)

"""A hook of mkdocs: links that leave docs/ lead to the repository."""

import posixpath
import re

REPOSITORY = "https://github.com/extpack/extpack/tree/main/"


def on_page_markdown(markdown, page, **_):
    def absolute(match):
        folder = posixpath.dirname(page.file.src_uri)
        target = posixpath.normpath(posixpath.join(folder, match[1]))
        if not target.startswith("../"):
            return match[0]
        return "](" + REPOSITORY + target[3:] + ")"

    return re.sub(r"\]\(([^()\s:]+)\)", absolute, markdown)

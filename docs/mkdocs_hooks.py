"""What mkdocs does to each page beyond Markdown: fills in what is made from code, mends the rest.

A page says where something is made by a comment, which GitHub does not show::

    <!-- made: options losses -->
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from made import filled
from made.markdown import for_python_markdown, with_titles, without_outside_links


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Return the page as Python-Markdown is to read it."""
    text = filled(markdown)
    text = without_outside_links(text, page.file.src_uri, config.repo_url or "")
    text = with_titles(text, page.file.src_uri, Path(config.docs_dir))
    return for_python_markdown(text)


def on_page_content(html: str, **_: Any) -> str:
    """Return a page without the roles of docstrings, which only Sphinx knows."""
    return re.sub(r":(?:meth|func|class|mod|data|attr):(?=<code>|<a )", "", html)

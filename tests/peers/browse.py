"""Goes to addresses with Playwright, which records them: PROGRAM, HAR FILE, and on standard input key and addresses."""

from __future__ import annotations

import json
import sys

from playwright.sync_api import sync_playwright  # type: ignore[import-not-found]  # it is installed elsewhere


def main(program: str, recording: str) -> None:
    asked = json.load(sys.stdin)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for headers in ({"Authorization": f"Bearer {asked['key']}"}, {}):
            file = recording if headers else f"{recording}.stranger"
            context = browser.new_context(record_har_path=file, extra_http_headers=headers)
            page = context.new_page()
            for address in asked["addresses"] if headers else asked["addresses"][:2]:
                # Its recording lacks the body of a page that is left before that was fetched.
                page.goto(address).body()
            context.close()
        browser.close()


main(*sys.argv[1:])

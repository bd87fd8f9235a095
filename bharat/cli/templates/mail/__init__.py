"""The mail provider `new_plugin`: what the plugin hands over to Bharat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from bharat import hookimpl
from bharat.contracts.mail import Mail
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from msgspec import Meta


class NewPluginOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[mail.new_plugin]`"""

    folder: Annotated[str, Meta(min_length=1, description="the Maildir; a relative one lies in home")] = "maildir"


def _build(options: NewPluginOptions, platform: Platform) -> Mail:
    # Imported when the provider is chosen: a driver costs nothing before.
    from bharat.cli.templates.mail.mail import NewPluginMail

    return NewPluginMail(options, platform)


@hookimpl
def bharat_mail() -> Sequence[Provider[Mail, Any]]:
    return [
        Provider(
            "new_plugin",
            NewPluginOptions,
            _build,
            shared=False,  # the folder is this machine's
            summary="Mails kept in a Maildir, sent to nobody",
        )
    ]

"""The client area of a gateway that runs."""

from gateway.web.public import public_app
from tests.web.asgi import Visitor

ACCOUNTS = {
    "shop": {"web_password": "web-secret", "publisher": "Shop SARL"},
    "bank": {"web_password": "web-secret", "mention": True},
    "rival": {"password": "secret", "web_password": "web-secret"},
}


class Site:
    """The public pages of a world's gateway, each visitor with cookies of its own."""

    def __init__(self, world):
        self.app = public_app(world.site)

    async def visitor(self, name=None):
        """Return a new visitor, logged in under a name."""
        visitor = Visitor(self.app)
        if name is not None:
            answer = await visitor.log_in(name, "ada-secret" if name == "ada" else "web-secret")
            assert answer.status == 303, answer.text
        return visitor


async def open_site(world, **changes):
    """Start a gateway with a web, and return its site."""
    await world.start(
        **{"web": {"listen": "127.0.0.1:0", "admins": {"ada": "ada-secret"}}, "accounts": ACCOUNTS, **changes}
    )
    return Site(world)

"""Which addresses are in the house."""

from ipaddress import ip_address

from yarl import URL

from homeassistant.util import network

# Names that mean a machine in the same house wherever they are used.
_LOCAL_NAMES = (".local", ".lan", ".home", ".home.arpa", ".internal", ".localhost")


def is_local(address: str) -> bool:
    """Return whether an address of a server is one in the own network."""
    host = (URL(address).host or "").rstrip(".")
    try:
        return network.is_local(ip_address(host))
    except ValueError:
        return bool(host) and ("." not in host or host.endswith(_LOCAL_NAMES))


def is_readable_on_the_way(address: str) -> bool:
    """Return whether others could read what is sent: plain HTTP beyond the house."""
    return URL(address).scheme == "http" and not is_local(address)

"""AMPECO: the operator's side of a charging platform, through its public API.

A token belongs to an administrator of a tenant and reaches what that administrator
does. Source: the public API reference of developers.ampeco.com.
"""

from .provider import DESCRIPTION

__all__ = ["DESCRIPTION"]

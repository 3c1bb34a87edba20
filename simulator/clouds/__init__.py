"""The clouds that are known."""

from ..cloud import Cloud
from .ampeco import Ampeco
from .amps import Amps
from .clemap import Clemap
from .plugchoice import Plugchoice
from .podero import Podero

CLOUDS: tuple[type[Cloud], ...] = (Amps, Ampeco, Clemap, Plugchoice, Podero)

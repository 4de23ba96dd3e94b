"""The node image: named after its content, so that a changed node is rebuilt by itself and nothing else ever is.

context   what goes into the image, and the name that follows from it
base      the Debian underneath: present, pulled, or bootstrapped where no registry answers
bootstrap Debian from its own packages
build     all of it together, one at a time on a machine
"""

from harness.image.base import BOOTSTRAPPED, PREFERRED
from harness.image.build import REPOSITORY, build, default_tag, ensure, require
from harness.image.context import BuildContext, build_context

__all__ = [
    "BOOTSTRAPPED",
    "PREFERRED",
    "REPOSITORY",
    "BuildContext",
    "build",
    "build_context",
    "default_tag",
    "ensure",
    "require",
]

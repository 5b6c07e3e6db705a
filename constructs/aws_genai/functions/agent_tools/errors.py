"""Why an agent has no tools, and so no answer."""

from __future__ import annotations

from ..chat.errors import Failure

UNAVAILABLE = Failure(503, "tools_unavailable", "The tools cannot be reached; try again in a moment.")
DENIED = Failure(403, "tools_denied", "Your sign-in does not permit the tools of this assistant; sign in again.")

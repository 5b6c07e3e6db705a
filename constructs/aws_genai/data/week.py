"""Days of the week, as EventBridge and cron write them."""

from typing import Literal

Day = Literal["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
#: The common working days.
WEEK: tuple[Day, ...] = ("MON", "TUE", "WED", "THU", "FRI")

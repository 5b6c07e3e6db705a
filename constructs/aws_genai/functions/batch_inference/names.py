"""Names and limits that the function and its construct share."""

#: Prefixes of the prompts, of the files of runs, and of the responses.
REQUESTS, RUNS, ANSWERS = "requests/", "runs/", "answers/"
#: Minimum number of records of a job; fewer are sent one by one. https://docs.aws.amazon.com/general/latest/gr/bedrock.html
LEAST_RECORDS = 100
#: Maximum number of records of a job: as many as the guardrail can evaluate in one invocation of the function.
MOST_RECORDS = 2_000
#: Maximum number of records of a file.
MOST_QUESTIONS = 50_000
#: Maximum number of jobs for the same records.
ATTEMPTS = 3

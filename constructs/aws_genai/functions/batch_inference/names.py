"""What batches are called by, by the function and by whoever sets it up."""

#: Where questions are put, and what is made of them.
REQUESTS, RUNS, ANSWERS = "requests/", "runs/", "answers/"
#: Least records of a job; fewer are asked one by one. https://docs.aws.amazon.com/general/latest/gr/bedrock.html
LEAST_RECORDS = 100
#: Most records of one of our jobs: as many as a guardrail assesses within one call of the function.
MOST_RECORDS = 2_000
#: Most records of a file of questions.
MOST_QUESTIONS = 50_000
#: How often what failed is asked again in a job of its own.
ATTEMPTS = 3

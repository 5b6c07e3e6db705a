"""Names and limits that the function and its construct share."""

#: Prefixes of the data sets, of the files of runs, and of the reports.
QUESTIONS, RUNS, REPORTS = "questions/", "runs/", "reports/"
#: Metrics that compare a response with a reference response.
COMPARED = ("exact_match", "f1", "rouge_l")
#: Metrics of every response: lower is better.
COSTS = ("latency_ms", "usd_per_answer", "blocked_percent")
#: Metrics of a judge: https://docs.aws.amazon.com/bedrock/latest/userguide/model-evaluation-metrics.html
JUDGED = (
    "Coherence",
    "Completeness",
    "Correctness",
    "Faithfulness",
    "FollowingInstructions",
    "Harmfulness",
    "Helpfulness",
    "ProfessionalStyleAndTone",
    "Readability",
    "Refusal",
    "Relevance",
    "Stereotyping",
)
#: Metrics of a judge for responses from documents: https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-eval-llm-results.html
GROUNDED = (
    "Completeness",
    "Correctness",
    "Faithfulness",
    "Harmfulness",
    "Helpfulness",
    "LogicalCoherence",
    "Refusal",
    "Stereotyping",
)
#: Metrics for which lower is better.
LEAST = (*COSTS, "Harmfulness", "Refusal", "Stereotyping")
#: Maximum number of prompts of a data set: https://docs.aws.amazon.com/bedrock/latest/userguide/model-evaluation-prompt-datasets-judge.html
MOST_QUESTIONS = 1000

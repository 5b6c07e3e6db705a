"""What evaluations are called by, by the function and by whoever sets it up."""

#: Where data sets are put, and where reports are written.
QUESTIONS, RUNS, REPORTS = "questions/", "runs/", "reports/"
#: Measured by the function itself, from answers that were expected.
COMPARED = ("exact_match", "f1", "rouge_l")
#: Measured by the function itself, of every answer: the least is the best.
COSTS = ("latency_ms", "usd_per_answer", "blocked_percent")
#: What a judge measures: https://docs.aws.amazon.com/bedrock/latest/userguide/model-evaluation-metrics.html
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
#: And of answers from documents: https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-eval-llm-results.html
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
#: Of these, too, the least is the best.
LEAST = (*COSTS, "Harmfulness", "Refusal", "Stereotyping")
#: Most questions of a data set: https://docs.aws.amazon.com/bedrock/latest/userguide/model-evaluation-prompt-datasets-judge.html
MOST_QUESTIONS = 1000

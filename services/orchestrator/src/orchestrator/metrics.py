"""What Prometheus sees of the orchestrator."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SUBMITTED = Counter("blog_jobs_submitted", "Jobs taken in")
COMPLETED = Counter("blog_jobs_completed", "Jobs that ended with an article")
FAILED = Counter("blog_jobs_failed", "Jobs that failed")
CANCELLED = Counter("blog_jobs_cancelled", "Jobs that were cancelled")
QUALITY_ROUNDS = Counter(
    "blog_quality_rounds", "Rounds that the quality gate judged; its pass rate is 1 - rejections / rounds"
)
QUALITY_REJECTIONS = Counter("blog_quality_rejections", "Rounds that the quality gate refused")
REGENERATION_ROUNDS = Counter("blog_regeneration_rounds", "Rounds that a refusal started")
GATE_PASSED = Counter(
    "blog_quality_gate_articles", "Finished articles, by whether the gate passed them", ["passed"]
)
AEO_SCORE = Histogram("blog_article_aeo_score", "AEO score of finished articles", buckets=range(40, 101, 5))
STAGE_SECONDS = Histogram(
    "blog_stage_duration_seconds",
    "From sending a stage's command to its completion",
    ["stage"],
    buckets=(0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1200),
)

PAID_CALLS = Counter("blog_paid_calls", "Paid calls whose outcome is known", ["kind", "outcome"])
TOKENS = Counter("blog_model_tokens", "Tokens of the language model", ["direction"])
COST = Counter("blog_cost_usd", "What paid calls cost, where their prices are set", ["kind"])

CONSUMERS_MENDED = Counter(
    "blog_consumers_mended",
    "Consumers that were gone, stuck or not as they should be, and made again",
    ["stream", "consumer", "reason"],
)
DEAD_LETTERED = Counter("blog_dead_lettered", "Messages that were put aside", ["code"])

PENDING = Gauge("blog_jobs_pending", "Jobs that wait for a slot")
RUNNING = Gauge("blog_jobs_running", "Jobs that hold a slot")
OLDEST = Gauge("blog_job_duration_seconds", "How long the oldest running job has run; 0 when none runs")
OUTBOX = Gauge("blog_outbox_messages", "Messages that wait to be sent")
OUTBOX_AGE = Gauge("blog_outbox_age_seconds", "How long the oldest message has waited to be sent")
ORPHANS = Gauge("blog_orphans", "Started stages that are in no stream; 0 when all is well")
DEAD_LETTERS = Gauge("blog_dead_letters", "Messages that were put aside and wait for a person")

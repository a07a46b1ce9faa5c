WITH _grouped AS (
  SELECT
    "ledger"."account_key" AS "sum_amount",
    sum("ledger"."amount") AS "a",
    count("ledger"."amount") AS "count_amount"
  FROM "ledger"
  WHERE "ledger"."account_key" = 9
  GROUP BY 1
)
SELECT
  "sum_amount",
  "a",
  "a" AS "b",
  CASE WHEN sum("a" * "count_amount") OVER () > 0 THEN ("a" * "count_amount") / sum("a" * "count_amount") OVER () END AS "c"
FROM _grouped
ORDER BY "sum_amount" ASC NULLS LAST
LIMIT 200

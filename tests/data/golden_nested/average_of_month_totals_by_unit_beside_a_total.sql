WITH _base AS (
  SELECT
    "books"."unit" AS "unit",
    sum("books"."amount") AS "total"
  FROM "books"
  WHERE "books"."kind" = 'Flow'
    AND "books"."scenario" = 'Actual'
  GROUP BY 1
),
_parts_1 AS (
  SELECT
    "books"."unit" AS "unit",
    strftime("books"."posted", '%Y-%m') AS "per_1",
    sum("books"."amount") AS "figure"
  FROM "books"
  WHERE "books"."kind" = 'Flow'
    AND "books"."scenario" = 'Actual'
  GROUP BY 1, 2
),
_over_1 AS (
  SELECT "unit", avg("figure") AS "avg"
  FROM _parts_1
  GROUP BY 1
),
_grouped AS (
  SELECT _base."unit", "total", "avg"
  FROM _base
  JOIN _over_1 ON _base."unit" IS NOT DISTINCT FROM _over_1."unit"
)
SELECT
  "unit",
  "total",
  "avg" AS "mean",
  CASE WHEN sum("total") OVER () > 0 THEN "total" / sum("total") OVER () END AS "share",
  "total" - "avg" AS "off"
FROM _grouped
ORDER BY "unit" ASC NULLS LAST
LIMIT 200

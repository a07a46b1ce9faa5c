WITH _parts_1 AS (
  SELECT
    strftime("books"."posted", '%Y-%m') AS "per_1",
    sum("books"."amount") AS "figure",
    sum("books"."amount") AS "figure_2",
    sum("books"."amount") AS "figure_3"
  FROM "books"
  WHERE "books"."kind" = 'Flow'
    AND "books"."scenario" = 'Actual'
  GROUP BY 1
),
_over_1 AS (
  SELECT avg("figure") AS "avg", median("figure_2") AS "median", count("figure_3") AS "count"
  FROM _parts_1
),
_grouped AS (
  SELECT "avg", "median", "count"
  FROM _over_1
)
SELECT
  "avg" AS "mean",
  "median" AS "middle",
  "count" AS "months"
FROM _grouped
LIMIT 200

WITH _parts_1 AS (
  SELECT
    strftime("books"."posted", '%Y-%m') AS "per_1",
    sum("books"."amount") AS "figure"
  FROM "books"
  WHERE "books"."kind" = 'Flow'
    AND "books"."scenario" = 'Actual'
  GROUP BY 1
),
_over_1 AS (
  SELECT max("figure") AS "max"
  FROM _parts_1
),
_parts_2 AS (
  SELECT
    "books"."unit" AS "per_1_2",
    count(DISTINCT "books"."customer") AS "figure_2"
  FROM "books"
  WHERE "books"."kind" = 'Flow'
    AND "books"."scenario" = 'Actual'
  GROUP BY 1
),
_over_2 AS (
  SELECT avg("figure_2") AS "avg"
  FROM _parts_2
),
_grouped AS (
  SELECT "max", "avg"
  FROM _over_1
  JOIN _over_2 ON TRUE
)
SELECT
  "max" AS "x",
  "avg" AS "y"
FROM _grouped
LIMIT 200

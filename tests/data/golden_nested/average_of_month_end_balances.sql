WITH _parts_1 AS (
  SELECT
    strftime("books"."posted", '%Y-%m') AS "per_1",
    sum("books"."amount") AS "figure"
  FROM "books"
  WHERE "books"."kind" = 'Stock'
    AND "books"."posted" IN (
      SELECT max("books"."posted")
      FROM "books"
      WHERE "books"."kind" = 'Stock'
      GROUP BY strftime("books"."posted", '%Y-%m')
    )
  GROUP BY 1
),
_over_1 AS (
  SELECT avg("figure") AS "avg"
  FROM _parts_1
),
_grouped AS (
  SELECT "avg"
  FROM _over_1
)
SELECT
  "avg" AS "x"
FROM _grouped
LIMIT 200

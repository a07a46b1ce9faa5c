SELECT
  "books"."unit" AS "unit",
  CASE WHEN count(*) > 0 THEN sum("books"."amount") / count(*) END AS "part",
  sum("books"."amount") AS "total",
  count(*) AS "rows",
  sum("books"."amount") + CASE WHEN count(*) > 0 THEN sum("books"."amount") / count(*) END AS "twice"
FROM "books"
WHERE "books"."kind" = 'Flow'
  AND "books"."scenario" = 'Actual'
GROUP BY 1
ORDER BY "unit" ASC NULLS LAST
LIMIT 200

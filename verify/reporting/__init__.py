"""What was found, shown.

A campaign's outcome becomes a view once, and each form shows that view:

- `view`: the model: cells, columns, tables, tones;
- `campaign_view`, `coverage_tables`, `story`: the view of a campaign, its tables, its broken promises;
- `terminal`, `plain`, `markdown`: tables in a terminal, as plain text, as Markdown;
- `page` with its template, style and script: the HTML page;
- `row_lanes`, `value_picture`: where in a row wrong columns lie, and its values round the threshold;
- `run_facts`, `searched`: how and where a campaign ran, and what was put to each target;
- `junit`, `github_annotations`, `step_summary`: what continuous integration reads;
- `progress`: the bar while a campaign runs.

A row that `persistent-topk explain` shows has a model of its own, `stages`: `explanation` prints it and
`pictures` draws it. `record` writes what a run on a GPU found.
"""

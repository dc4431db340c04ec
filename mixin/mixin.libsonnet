// The alerts, recording rules and dashboards of glue-mv-exporter as a monitoring mixin: docs/alerts.md.
// All of them are read from the Helm chart's files, so that there is one source.
local values = std.parseYaml(importstr '../helm/glue-mv-exporter/values.yaml').prometheusRule;

// As people write numbers: 0.3 and not 0.29999999999999999.
local text(value) = if std.isNumber(value) then '%.15g' % value else value;

local replaced(source, replacements) = std.foldl(
  function(done, name) std.strReplace(done, '<<%s>>' % name, text(replacements[name])),
  std.objectFields(replacements),
  source
);

// Parts have parts.
local parts = std.parseYaml(importstr '../helm/glue-mv-exporter/files/rule-parts.yaml');
local source = replaced(replaced(importstr '../helm/glue-mv-exporter/files/rules.yaml', parts), parts);

// The groups with only those of their rules that have this key, without the groups that then have none.
local having(groups, key) = [
  group { rules: [rule for rule in super.rules if key in rule] }
  for group in groups
  if std.length([rule for rule in group.rules if key in rule]) > 0
];

{
  _config+:: {
    // The defaults of prometheusRule.thresholds in the chart's values.
    thresholds: values.thresholds,
    // URL of the folder with the runbooks.
    runbookUrl: values.runbookUrl,
    // Matchers for each series of the exporter, each with a comma behind it: 'namespace="data",'.
    selector: '',
  },

  local replacements = $._config.thresholds {
    runbookUrl: std.rstripChars($._config.runbookUrl, '/'),
    selector: $._config.selector,
  },
  local groups = std.parseYaml(std.strReplace(replaced(source, replacements), '{}', '')).groups,

  prometheusAlerts+:: { groups+: having(groups, 'alert') },
  prometheusRules+:: { groups+: having(groups, 'record') },

  grafanaDashboards+:: {
    'glue-mv-fleet.json': import '../helm/glue-mv-exporter/files/dashboards/fleet.json',
    'glue-mv-view.json': import '../helm/glue-mv-exporter/files/dashboards/view.json',
    'glue-mv-exporter.json': import '../helm/glue-mv-exporter/files/dashboards/exporter.json',
  },
}

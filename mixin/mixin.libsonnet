// The alerts, recording rules and dashboards of glue-mv-exporter as a monitoring mixin: docs/alerts.md.
// All of them are read from the Helm chart's files, so that there is one source.
local values = std.parseYaml(importstr '../helm/glue-mv-exporter/values.yaml').prometheusRule;

// As people write numbers: 0.3 and not 0.29999999999999999.
local text(value) = if std.isNumber(value) then '%.15g' % value else value;

local rendered(replacements) = std.foldl(
  function(source, name) std.strReplace(source, '<<%s>>' % name, text(replacements[name])),
  std.objectFields(replacements),
  importstr '../helm/glue-mv-exporter/files/rules.yaml'
);

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
  },

  local groups = std.parseYaml(
    rendered($._config.thresholds { runbookUrl: std.rstripChars($._config.runbookUrl, '/') })
  ).groups,

  prometheusAlerts+:: { groups+: having(groups, 'alert') },
  prometheusRules+:: { groups+: having(groups, 'record') },

  grafanaDashboards+:: {
    'glue-mv-fleet.json': import '../helm/glue-mv-exporter/files/dashboards/fleet.json',
    'glue-mv-view.json': import '../helm/glue-mv-exporter/files/dashboards/view.json',
    'glue-mv-exporter.json': import '../helm/glue-mv-exporter/files/dashboards/exporter.json',
  },
}

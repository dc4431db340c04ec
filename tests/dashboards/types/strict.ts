// What the JSON of a dashboard must be: Grafana's own types, with the options of each panel's plugin.
import type { Dashboard, FieldConfig, Panel, RowPanel, VariableModel } from '@grafana/schema';
import type * as bargauge from '@plugin/bargauge';
import type * as stat from '@plugin/stat';
import type * as statetimeline from '@plugin/statetimeline';
import type * as table from '@plugin/table';
import type * as timeseries from '@plugin/timeseries';

// In JSON an enum's member is its text or its number.
type Json<T> = unknown extends T
  ? unknown
  : T extends string
    ? `${T}`
    : T extends number
      ? `${T}` extends `${infer N extends number}` ? N : T
      : T extends Array<infer U>
        ? Array<Json<U>>
        : T extends object
          ? { [K in keyof T]: Json<T[K]> }
          : T;

type Datasource = { type: 'prometheus'; uid: '${datasource}' };
type Query = {
  refId: string;
  datasource: Datasource;
  editorMode: 'code';
  expr: string;
  format: 'heatmap' | 'table' | 'time_series';
  instant: boolean;
  range: boolean;
  legendFormat: string;
};
type DataLink = { title: string; url: string; targetBlank?: boolean };
type Standard<Custom> = Omit<Json<FieldConfig>, 'custom' | 'links'> & { links?: DataLink[]; custom?: Custom };
type Properties<Custom> =
  | { [K in keyof Standard<Custom> & string]-?: { id: K; value: Standard<Custom>[K] } }[Exclude<
      keyof Standard<Custom> & string, 'custom'
    >]
  | { [K in keyof Custom & string]-?: { id: `custom.${K}`; value: Custom[K] } }[keyof Custom & string];
// How a column is hidden has changed its name: both are there, and each version passes over the other's.
type Hidden =
  | { id: 'custom.hidden'; value: true }
  | { id: 'custom.hideFrom'; value: { viz: true; legend: false; tooltip: false } };
type PanelOf<Type extends string, Options, Custom> = Omit<
  Json<Panel>, 'type' | 'options' | 'fieldConfig' | 'targets' | 'datasource'
> & {
  type: Type;
  title: string;
  description: string;
  datasource: Datasource;
  targets: Query[];
  options: Partial<Json<Options>>;
  fieldConfig: {
    defaults: Standard<Partial<Json<Custom>>>;
    overrides: Array<{
      matcher: { id: 'byName'; options: string };
      properties: Array<Properties<Partial<Json<Custom>>> | Hidden>;
    }>;
  };
};
type Known =
  | PanelOf<'bargauge', bargauge.Options, {}>
  | PanelOf<'stat', stat.Options, {}>
  | PanelOf<'state-timeline', statetimeline.Options, statetimeline.FieldConfig>
  | PanelOf<'table', table.Options, table.FieldConfig>
  | PanelOf<'timeseries', timeseries.Options, timeseries.FieldConfig>;
type Row = Omit<Json<RowPanel>, 'panels'> & { panels: Known[] };
type Annotation = {
  name: string;
  datasource: Datasource;
  enable: boolean;
  hide: boolean;
  iconColor: string;
  expr: string;
  useValueForTime: boolean;
  step: string;
  titleFormat: string;
};

export type Shipped = Omit<Json<Dashboard>, 'panels' | 'annotations' | 'templating' | 'uid'> & {
  uid: string;
  panels: Array<Known | Row>;
  annotations: { list: Annotation[] };
  templating: { list: Array<Json<VariableModel>> };
};

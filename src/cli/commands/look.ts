/** `fourwave stats`, `config` and `service`: looking at the running stack and changing it. */

import type { Command } from 'commander';
import { SERVICE_NAMES } from '../../apps/services.ts';
import { type ConfigEntry, configOption, parseConfigValue } from '../../stack/config.ts';
import { oneOf } from '../arguments.ts';
import { ask } from '../control/client.ts';
import { usage } from '../errors.ts';
import { word } from '../printable.ts';
import { statsPrometheus } from '../render/prometheus.ts';
import { type Stats, statsText } from '../render/stats.ts';
import { columns, print, printJson } from '../terminal.ts';
import { type JsonOptions, withJson } from './common.ts';

export interface ServiceState {
  readonly name: string;
  readonly port: number;
  readonly running: boolean;
  readonly text: string;
}

export function addStats(program: Command): void {
  withJson(program.command('stats'))
    .description('counters, one for each reason')
    .option('--prometheus', "Prometheus' text format")
    .action(async (options: JsonOptions & { prometheus?: boolean }) => {
      if (options.json === true && options.prometheus === true)
        throw usage('choose one of --json and --prometheus');
      const stats = await ask<Stats>(options, 'stats');
      if (options.json === true) printJson(stats);
      else print(options.prometheus === true ? statsPrometheus(stats) : statsText(stats));
    });
}

export function addConfig(program: Command): void {
  withJson(program.command('config'))
    .description('every option: value, unit, default, RFC; KEY=VALUE sets one for later connections')
    .argument('[setting]', 'KEY or KEY=VALUE')
    .action(async (setting: string | undefined, options: JsonOptions) => {
      const { key, value } = splitSetting(setting);
      const entries = await ask<ConfigEntry[]>(options, 'config', { key, value });
      if (options.json === true) printJson(key === null ? entries : entries[0]);
      else
        print(
          columns(
            entries.map((entry) =>
              [entry.key, entry.value, `default ${entry.default}`, entry.rfc, entry.text].map(word),
            ),
          ),
        );
    });
}

function splitSetting(setting: string | undefined): { key: string | null; value: string | null } {
  if (setting === undefined) return { key: null, value: null };
  const equals = setting.indexOf('=');
  const key = equals < 0 ? setting : setting.slice(0, equals);
  const value = equals < 0 ? null : setting.slice(equals + 1);
  configOption(key);
  if (value !== null) parseConfigValue(key, value);
  return { key, value };
}

export function addService(program: Command): void {
  const service = program.command('service').description('start, stop and list the built-in services');
  withJson(service.command('list'))
    .description('all services and whether they run')
    .action(async (options: JsonOptions) =>
      showServices(await ask<ServiceState[]>(options, 'service', { verb: 'list' }), options),
    );
  for (const verb of ['start', 'stop'] as const) {
    withJson(service.command(verb))
      .description(`${verb} one service`)
      .argument('<name>', 'its name')
      .action(async (name: string, options: JsonOptions) => {
        oneOf(name, 'NAME', SERVICE_NAMES);
        showServices(await ask<ServiceState[]>(options, 'service', { verb, name }), options);
      });
  }
}

function showServices(services: readonly ServiceState[], options: JsonOptions): void {
  if (options.json === true) {
    printJson(services);
    return;
  }
  print(
    columns(
      services.map(({ name, port, running, text }) => [
        word(name),
        String(port),
        running ? 'running' : 'stopped',
        word(text),
      ]),
    ),
  );
}

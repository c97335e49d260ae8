/** What a person did that is not what the page says, and what it has become. */

import type { Lab, Text, TypeStep } from '../../labs/lab.ts';
import type { LogEvent } from '../../trace/log-event.ts';
import type { FoundFlavour } from './flavours.ts';
import type { Typed } from './lab-shell.ts';
import { outcomesOf } from './outcome.ts';
import { SERVICE_PORTS } from './service-ports.ts';
import { type ClientCommand, clientCommand, clientsOf } from './shell-command.ts';

const t = (en: string, zh: string): Text => ({ en, zh });

const BY_CTRL_C = 130;
const BY_CTRL_Z = 148;

/** What Ctrl-D does with each, and what each does when the server closes first (study of real programs). */
const HABITS: Readonly<Record<string, Text>> = {
  'nc.openbsd': t(
    'at Ctrl-D it sends nothing unless it has -N, and when the server closes first it stays, in CLOSE-WAIT',
    '没有 -N 时按 Ctrl-D 什么都不发送；服务器先关闭时它停在 CLOSE-WAIT',
  ),
  'nc.traditional': t(
    'at Ctrl-D it sends nothing unless it has -q, and it closes as soon as the server has',
    '没有 -q 时按 Ctrl-D 什么都不发送；服务器一关闭它就关闭',
  ),
  ncat: t(
    'at Ctrl-D it sends a FIN and goes on reading, and when the server closes first it stays, in CLOSE-WAIT',
    '按 Ctrl-D 发送 FIN 并继续接收；服务器先关闭时它停在 CLOSE-WAIT',
  ),
  busybox: t(
    'at Ctrl-D it sends a FIN and goes on reading, and it closes as soon as the server has',
    '按 Ctrl-D 发送 FIN 并继续接收；服务器一关闭它就关闭',
  ),
  socat: t('at Ctrl-D it sends a FIN and leaves half a second later', '按 Ctrl-D 发送 FIN，半秒后退出'),
  curl: t('it closes by itself when it has the answer', '得到回答后自己关闭'),
  telnet: t('it talks a protocol of its own besides', '它另外还有自己的协议'),
  unknown: t('this machine does not say which kind it is', '无法判断它是哪一种'),
};

export class Student {
  private readonly lab: Lab;
  private readonly steps: readonly TypeStep[];
  private readonly found: readonly FoundFlavour[];
  private readonly wanted: readonly ClientCommand[];
  private readonly said = new Set<string>();
  private running: ClientCommand | null = null;
  private heard = 0;
  private readonly ports = new Set<number>();

  constructor(lab: Lab, steps: readonly TypeStep[], found: readonly FoundFlavour[]) {
    this.lab = lab;
    this.steps = steps;
    this.found = found;
    this.wanted = clientsOf(steps, found);
  }

  /** What the shell has noted since it was last read. */
  typed(all: readonly Typed[]): Text[] {
    const news = all
      .slice(this.heard)
      .flatMap((one) => (one.what === 'began' ? this.began(one) : this.ended(one)));
    this.heard = all.length;
    return news;
  }

  private once(key: string, text: Text): Text[] {
    if (this.said.has(key)) return [];
    this.said.add(key);
    return [text];
  }

  private began({ command }: Extract<Typed, { what: 'began' }>): Text[] {
    const client = clientCommand(command, this.found);
    if (client === null) return [];
    this.running = client;
    return [...this.otherProgram(client), ...this.otherPort(client), ...this.withoutHalf(client)];
  }

  private otherProgram({ flavour }: ClientCommand): Text[] {
    const wanted = this.wanted[0];
    if (wanted === undefined || this.wanted.some((one) => one.flavour === flavour)) return [];
    const habit = HABITS[flavour] ?? (HABITS['unknown'] as Text);
    return this.once(
      `flavour ${flavour}`,
      t(
        `You have started ${flavour} where the page says ${wanted.flavour}: ${habit.en}.`,
        `你启动的是 ${flavour}，而不是 ${wanted.flavour}：${habit.zh}。`,
      ),
    );
  }

  private otherPort({ port, listens }: ClientCommand): Text[] {
    const ports = this.wanted.filter((one) => one.listens === listens).map((one) => one.port);
    if (port === null || ports.length === 0 || ports.includes(port)) return [];
    this.ports.add(port);
    return this.portSentence(port, ports[0] ?? null);
  }

  private portSentence(port: number, wanted: number | null): Text[] {
    const service = SERVICE_PORTS[port];
    const is = service === undefined ? t('nobody listens there', '那里没有人监听') : service;
    const page = wanted === null ? undefined : SERVICE_PORTS[wanted];
    const of = (text: string | undefined): string => (text === undefined ? '' : ` (${text})`);
    return this.once(
      `port ${port}`,
      t(
        `You have chosen port ${port}${of(is.en)} where the page says ${wanted}${of(page?.en)}.`,
        `你选择了端口 ${port}${of(is.zh)}，而页面上是 ${wanted}${of(page?.zh)}。`,
      ),
    );
  }

  private withoutHalf({ flavour, half }: ClientCommand): Text[] {
    const same = this.wanted.find((one) => one.flavour === flavour);
    if (same === undefined || same.half === half || flavour !== 'nc.openbsd') return [];
    return this.once(
      `half ${half}`,
      half
        ? t('With -N your Ctrl-D will send a FIN.', '有了 -N，按 Ctrl-D 会发送 FIN。')
        : t('Without -N your Ctrl-D will send nothing.', '没有 -N，按 Ctrl-D 不会发送任何东西。'),
    );
  }

  private ended({ status }: Extract<Typed, { what: 'ended' }>): Text[] {
    const { running } = this;
    if (status !== BY_CTRL_Z) this.running = null;
    if (running === null) return [];
    const keys = this.steps.flatMap((step) => ('key' in step ? [step.key] : []));
    if (status === BY_CTRL_C && !keys.includes('Ctrl-C')) return [this.pressedC(running, keys)];
    if (status === BY_CTRL_Z && !keys.includes('Ctrl-Z'))
      return [
        t(
          `You pressed Ctrl-Z: ${running.flavour} stands still, its kernel answers for it. "fg" wakes it.`,
          `你按了 Ctrl-Z：${running.flavour} 停住了，内核替它回答。输入 fg 让它继续。`,
        ),
      ];
    return [];
  }

  private pressedC({ flavour }: ClientCommand, keys: readonly string[]): Text {
    const instead = keys.includes('Ctrl-D') ? t(', not Ctrl-D', '，而不是 Ctrl-D') : t('', '');
    return t(
      `You pressed Ctrl-C${instead.en}: ${flavour} was killed, and the system closed its socket, both ways at once.`,
      `你按了 Ctrl-C${instead.zh}：${flavour} 被结束，系统把它的套接字完全关闭，两个方向同时关闭。`,
    );
  }

  /** What the log shows of ports that the page does not name, without anybody having told. */
  seen(event: LogEvent): Text[] {
    const { ev, data } = event;
    if (ev === 'conn:opened' && data['role'] === 'passive') return this.seenPort(portOf(data['local']));
    const raw = data['raw'] as Readonly<Record<string, unknown>> | undefined;
    if (ev === 'seg:sent' && event.conn === undefined && String(data['flags']).includes('RST'))
      return this.seenPort(Number(raw?.['sport']));
    return [];
  }

  private seenPort(port: number): Text[] {
    const ports = this.wanted.filter(({ listens }) => !listens).map((one) => one.port);
    if (ports.length === 0 || ports.includes(port) || ports.includes(null)) return [];
    return this.portSentence(port, ports[0] ?? null);
  }

  /** What it has become, once it is over; empty where it is what the lab is about. */
  became(events: readonly LogEvent[]): Text[] {
    return outcomesOf(events)
      .slice(-1)
      .filter(({ lab }) => lab !== this.lab.id)
      .map(({ lab, text }) =>
        lab === null ? text : t(`${text.en} So this became ${lab}.`, `${text.zh}所以这变成了 ${lab}。`),
      );
  }
}

function portOf(end: unknown): number {
  return Number(String(end).split(':')[1]);
}

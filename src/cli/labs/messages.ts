/** What the runner itself says, in both languages. */

import type { Text } from '../../labs/lab.ts';

const t = (en: string, zh: string): Text => ({ en, zh });

export const MESSAGES = {
  question: t('Question', '问题'),
  namespaceRoot: t(
    'A network namespace of its own: nothing leaves it, and nothing of this machine is touched.',
    '自己的网络命名空间：没有东西会离开它，这台机器的其他部分不受影响。',
  ),
  namespaceUser: t(
    'A user namespace and a network namespace of its own: no sudo is needed.',
    '自己的用户命名空间和网络命名空间：不需要 sudo。',
  ),
  simulated: t(
    'Simulated: two stacks on a virtual clock. The kernel is our stack that behaves like Linux.',
    '模拟：虚拟时钟上的两个协议栈。“内核”是行为像 Linux 的本协议栈。',
  ),
  otherTerminal: t('In another terminal type:', '在另一个终端输入：'),
  thenType: t('then, in that shell:', '然后在那个 shell 里：'),
  terminal: t('terminal', '终端'),
  noFlavour: t(
    'nothing that this lab is typed with is installed ("fourwave lab doctor" says the cure)',
    '这个实验要用的程序都没有安装（见 “fourwave lab doctor”）',
  ),
  predict: t('Predict', '预测'),
  yourAnswer: t('You said', '你的答案'),
  rightAnswer: t('Right is', '正确答案'),
  right: t('That was right.', '答对了。'),
  wrong: t('It was not so.', '不对。'),
  waiting: t(
    'Waiting for you. Enter here ends the lab and judges what has happened; Ctrl-C gives up.',
    '等待你的操作。在这里按回车结束实验并判定结果；Ctrl-C 放弃。',
  ),
  ready: t('Ready: type now.', '就绪：请开始输入。'),
  auto: t('Typing for you:', '替你输入：'),
  again: t(
    'Type it once more, as above, or press Enter here to have it judged.',
    '请按上面的步骤再试一次，或在这里按回车判定。',
  ),
  starved: t(
    'Programs had to wait for a processor, which draws another ladder: once more.',
    '程序等待了处理器，画出的图会不同：再来一次。',
  ),
  asExpected: t('That is what the lab wanted to show.', '这正是本实验要展示的。'),
  lookAround: t(
    'Look around as long as you like ("ss -tano" over there); Enter here ends the lab.',
    '可以继续查看（在那个终端输入 ss -tano）；在这里按回车结束实验。',
  ),
  explain: t('Explanation', '解释'),
  references: t('References', '参考'),
  next: t('Next', '下一个'),
  saved: t('Saved', '已保存'),
  kept: t('The world stays open until you press Ctrl-C:', '实验环境保持打开，按 Ctrl-C 结束：'),
  act: t('Act', '第'),
  checks: t('checks', '项检查'),
  given: t('given up', '已放弃'),
  lastRun: t('your last run', '上次运行'),
} as const satisfies Readonly<Record<string, Text>>;

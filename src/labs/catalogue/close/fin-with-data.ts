/** close/fin-with-data: the FIN is a flag; it can ride on the last bytes. */

import { lab } from '../../lab.ts';
import { checked, segmentsWith } from './scenes.ts';

export default lab({
  id: 'close/fin-with-data',
  level: 2,
  minutes: 3,
  answers: ['B17', 'B32'],
  rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.7.4', 'RFC 9293 §3.10.7.4'],
  code: ['src/tcp/output/transmit.ts', 'src/tcp/input/8-fin.ts'],
  title: { en: 'The last data carries the FIN', zh: '最后的数据带着 FIN' },
  question: {
    en: 'Must a FIN be a segment of its own? What is acknowledged when it is not?',
    zh: 'FIN 必须单独成为一个报文段吗？如果不是，确认的是什么？',
  },
  type: { any: [{ run: 'curl http://10.9.0.2/close' }] },
  predict: {
    ask: {
      en: 'The last segment carries bytes 101 to 110, and FIN. What is it acknowledged with?',
      zh: '最后一个报文段带有第 101 到 110 字节和 FIN。对它的确认号是多少？',
    },
    choices: [
      { en: '110', zh: '110' },
      { en: '111', zh: '111' },
      { en: '112', zh: '112' },
    ],
    right: 2,
    why: {
      en: 'The bytes end at 110, the FIN is 111, so 112 is expected next.',
      zh: '字节到 110 为止，FIN 是 111，所以下一个期待的是 112。',
    },
  },
  acts: [
    {
      name: 'page',
      title: { en: 'A page that ends with the connection', zh: '一个以关闭连接结束的网页' },
      stack: { 'lab.finWithData': 'on', msl: '1s' },
      auto: async (stage) => {
        const curl = await stage.curl('http://10.9.0.2/close');
        await curl.exited();
        await stage.until('S TIME-WAIT');
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S PSH,ACK 1:u ack 1
        S>K FIN,PSH,ACK 1:n ack u    ; S FIN-WAIT-1
        K>S FIN,ACK u ack n+1        ; S TIME-WAIT
        strict S>K ACK n+1 ack u+1
        S CLOSED within 1900ms..2100ms
      `,
      check: ({ bound, programs }) => [
        checked(
          'the acknowledgement is one past the end of the data and one more',
          '确认号是数据末尾再加一',
          (bound['n'] ?? 0) > 1,
          `data ends at ${bound['n'] ?? 0}, ack ${(bound['n'] ?? 0) + 1}`,
        ),
        checked('curl got its page', 'curl 得到了网页', programs[0]?.exit?.code === 0),
      ],
    },
    {
      name: 'longer',
      title: {
        en: 'HTTP/1.0: only the last of several segments has it',
        zh: 'HTTP/1.0：只有多个报文段中的最后一个带 FIN',
      },
      stack: { 'lab.finWithData': 'on', msl: '1s' },
      auto: async (stage) => {
        const curl = await stage.curl('-0', '-o', '/dev/null', 'http://10.9.0.2/big?kb=4');
        await curl.exited();
        await stage.until('S TIME-WAIT');
      },
      expect: `
        ...
        S>K FIN,PSH,ACK ?:n ack u
        K>S FIN,ACK u ack n+1        ; S TIME-WAIT
        S>K ACK n+1 ack u+1
        S CLOSED within 1900ms..2100ms
      `,
      check: ({ events, programs }) => {
        const fins = segmentsWith(events, 'S', 'FIN');
        return [
          checked(
            'one segment had the FIN, and bytes too',
            '只有一个报文段带 FIN，而且带着数据',
            fins.length === 1 && (fins[0]?.len ?? 0) > 0,
            `${fins[0]?.len ?? 0} bytes`,
          ),
          checked(
            'all 4096 bytes came',
            '4096 个字节全部到达',
            programs[0]?.bytes === 4096 || programs[0]?.exit?.code === 0,
          ),
        ];
      },
    },
    {
      name: 'apart',
      title: { en: 'The same with two segments', zh: '同样的事分成两个报文段' },
      stack: { msl: '1s' },
      auto: async (stage) => {
        const nc = await stage.nc(13);
        await stage.until('S FIN-WAIT-2');
        await nc.eof();
        await stage.until('S TIME-WAIT');
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        S>K PSH,ACK 1:n ack 1
        S>K FIN,ACK n ack 1
        K>S ACK 1 ack n+1            ; S FIN-WAIT-2
        K>S FIN,ACK 1 ack n+1
        S>K ACK n+1 ack 2
        S CLOSED
      `,
    },
    {
      name: 'kernel',
      title: {
        en: "The kernel's own: small writes that wait, then shutdown()",
        zh: '内核自己的做法：等待中的小块数据，然后 shutdown()',
      },
      simKernel: { 'lab.finWithData': 'on' },
      faults: ['drop out where ack-only times 1'],
      auto: async (stage) => {
        const socket = await stage.socket({ connect: 9 });
        await stage.until('S ESTABLISHED');
        await socket.send('a');
        await socket.send('bc');
        await socket.shutdown();
        await stage.until('S CLOSED');
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S PSH,ACK 1:2 ack 1
        ? S>K ACK 1 ack 2 LOST         # while K waits for it, its bytes wait for their FIN
        K>S FIN,PSH,ACK 2:4 ack 1    ; S CLOSE-WAIT
        S>K FIN,ACK 1 ack 5
        K>S ACK 5 ack 2              ; S CLOSED
      `,
      check: ({ events }) => [
        checked(
          'S took the bytes first and then the end',
          'S 先取走字节，然后才看到结束',
          events.findIndex(({ ev }) => ev === 'app:read') < events.findIndex(({ ev }) => ev === 'app:close'),
        ),
      ],
    },
  ],
  explain: {
    en: `FIN is a bit in the header, and any segment may carry it whose data are the last. Its number comes after
those bytes, so the acknowledgement is the end of the data plus one, and the receiver handles the text first
and the FIN after it (seventh and eighth check of RFC 9293 §3.10.7.4). Two events for the application, one segment.

Whether it happens depends on the moment: a stack sends data when it is written, and when close() comes the
segment has usually left. Ours sends two, so that you can see two things as two; with lab.finWithData the last
bytes wait for the FIN. Linux merges them when the bytes still wait, here because of Nagle's algorithm; web servers
do it often, and you will meet it in any capture.`,
    zh: `FIN 是首部里的一位，任何携带最后数据的报文段都可以带上它。它的序号排在这些字节之后，所以确认号是数据末尾再加一；
接收方先处理数据，再处理 FIN（RFC 9293 §3.10.7.4 的第七、第八步检查）。对应用程序是两件事，在线路上是一个报文段。

是否合并取决于时机：协议栈在写入时就发送数据，等 close() 到来时那个报文段通常已经走了。我们的栈分两个发送，
好让你把两件事看成两件；打开 lab.finWithData 后，最后的字节会等 FIN。Linux 在数据还在等待时合并，这里是因为 Nagle 算法；
网页服务器常常如此，任何抓包里都能遇到。`,
  },
  next: ['close/three-waves', 'close/fin-consumes-seq', 'close/curl-race'],
  broken: {
    what: 'The FIN always goes in a segment of its own.',
    act: 'page',
    stack: { 'lab.finWithData': 'off' },
  },
});

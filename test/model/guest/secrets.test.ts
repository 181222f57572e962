import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutSecrets } from '../../../model/guest/secrets.ts';

const cases: [string, string, string][] = [
  ['-object', 'secret,id=s0,data=hunter2,format=raw', 'secret,id=s0,data=***,format=raw'],
  ['-object', 'secret,id=s0,data=a,,b=c,format=raw', 'secret,id=s0,data=***,format=raw'],
  ['-object', 'qom-type=secret,id=s0,data=hunter2', 'qom-type=secret,id=s0,data=***'],
  ['-object', '{"qom-type":"secret","id":"s0","data":"hunter2"}', '{"qom-type":"secret","id":"s0","data":"***"}'],
  ['-object', '{"qom-type":"secret","data":"hunter2"', '***'],
  ['-object', 'rng-random,id=r,filename=/dev/urandom', 'rng-random,id=r,filename=/dev/urandom'],
  ['-spice', 'port=5900,password=hunter2', 'port=5900,password=***'],
  ['-vnc', ':1,password-secret=s0', ':1,password-secret=s0'],
  [
    '-blockdev',
    '{"driver":"ssh","node-name":"d","file":{"password":"hunter2"}}',
    '{"driver":"ssh","node-name":"d","file":{"password":"***"}}',
  ],
  ['-drive', 'file.driver=https,file.cookie=a=b,file.url=x,if=virtio', 'file.driver=https,file.cookie=***,file.url=x,if=virtio'],
  ['-drive', 'file=https://me:hunter2@h/x.img,if=virtio', 'file=https://me:***@h/x.img,if=virtio'],
  ['-drive', 'file=iscsi://me%hunter2@h/t/0', 'file=iscsi://me:***@h/t/0'],
  ['-drive', 'file=rbd:p/i:id=admin:key=AQ==:mon_host=h,format=raw', 'file=rbd:p/i:id=admin:key=***:mon_host=h,format=raw'],
  ['-fw_cfg', 'name=opt/ignition,string={"a":1}', 'name=opt/ignition,string=***'],
  ['-smbios', 'type=11,value=io.systemd.credential:p=hunter2', 'type=11,value=***'],
  ['-append', 'root=/dev/vda luks.password=hunter2 quiet,ro', 'root=/dev/vda luks.password=*** quiet,ro'],
];

for (const [option, word, expected] of cases)
  test(`of ${option} ${word} only the secret is cut`, () => {
    assert.deepEqual(withoutSecrets(['qemu', option, word, '-S']), ['qemu', option, expected, '-S']);
  });

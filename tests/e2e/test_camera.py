"""The camera reads a bar code with the vendored reader, fetched only when a camera is opened."""

from typing import Any

import pytest
from barcode import EAN13
from barcode.writer import ImageWriter
from PIL import Image

from oms.accounts.models import Role, User

pytestmark = pytest.mark.e2e

EAN = "8901234567890"
WIDTH, HEIGHT = 640, 480
LOOK = """async () => {
  const { openCamera } = await import("/static/js/camera.js");
  const video = document.body.appendChild(document.createElement("video"));
  const seen = [];
  const camera = await openCamera(video, code => seen.push(code));
  for (let turn = 0; turn < 200 && !seen.length; turn += 1) await new Promise(done => setTimeout(done, 100));
  await new Promise(done => setTimeout(done, 2000));
  camera.stop();
  return seen;
}"""


@pytest.fixture
def film(tmp_path: Any) -> Any:
    """A still film of one EAN-13, in the only format that Chromium's false camera takes."""
    code = EAN13(EAN[:12], writer=ImageWriter()).render({"module_width": 0.5, "module_height": 25}).convert("L")
    code.thumbnail((560, 380))
    picture = Image.new("L", (WIDTH, HEIGHT), 255)
    picture.paste(code, ((WIDTH - code.width) // 2, (HEIGHT - code.height) // 2))
    frame = b"FRAME\n" + picture.tobytes() + bytes([128]) * (WIDTH * HEIGHT // 2)
    path = tmp_path / "ean.y4m"
    path.write_bytes(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode() + frame * 20)
    return path


def test_the_camera_reads_a_code_once_while_it_stays_in_the_picture(
    live_server: Any, browser_type: Any, browser_type_launch_args: Any, client: Any, transactional_db: Any, film: Any
) -> None:
    client.force_login(User.objects.create_user("asha@example.com", "a long pass phrase", role=Role.ADMIN))
    cookie = client.cookies["oms_session"]
    camera = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
    browser = browser_type.launch(
        **{**browser_type_launch_args, "args": [*browser_type_launch_args.get("args", []), *camera]}
    )
    context = browser.new_context(permissions=["camera"])
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    page = context.new_page()
    fetched = []
    page.on("request", lambda request: fetched.append(request.url.rsplit("/", 1)[-1]))
    page.goto(f"{live_server.url}/_styleguide/store/")
    page.wait_for_load_state("networkidle")
    at_first = set(fetched)

    seen = page.evaluate(LOOK)
    browser.close()

    assert seen == [EAN]
    assert not at_first & {"barcode-detector.js", "zxing-exported.js", "zxing_reader.wasm"}

"""Phrases that address models and give them instructions, in ten languages.

They are in lower case without accents, as :func:`.disguises.fold` returns text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .disguises import fold

#: End of a clause, which no pattern crosses.
_GAP: Final = r"[^.!?。！？\n|]"


@dataclass(frozen=True)
class Language:
    """Alternatives of regular expressions.

    :param models: words for a model.
    :param to_models: complete phrases that address a model.
    :param setting_aside: verbs that ask to ignore instructions.
    :param rules: words for instructions.
    :param which: words for the model's own or previous instructions.
    :param showing: verbs that ask to reveal something.
    :param secrets: words for confidential information.
    :param sending: verbs that ask to send data away.
    :param talk: words for the conversation and personal data.
    :param answering: phrases that ask for a prescribed answer.
    :param before: phrases for everything that was said before.
    :param keeping: phrases that ask to hide something from the reader.
    :param being: phrases that ask to take another role.
    """

    models: str
    to_models: str
    setting_aside: str
    rules: str
    which: str
    showing: str
    secrets: str
    sending: str
    talk: str
    answering: str
    keeping: str
    before: str
    being: str
    #: Words of which every instruction in the language contains at least one.
    gate: tuple[str, ...]
    spaced: bool = True


_LANGUAGES: Mapping[str, Language] = {
    "de": Language(
        models=r"ki(?:-?\w+)?|sprachmodelle?n?|modelle?|assistent(?:en|in)?|chatbots?|bots?|agent(?:en)?",
        to_models=r"(?:hinweis|nachricht|anweisung(?:en)?|notiz) (?:an|fur) (?:die|den|das|alle|jede[ns]?) (?:ki|sprachmodell|modell|assistent|chatbot|bot)\w*"
        r"|an (?:alle|die|jede) (?:ki|sprachmodelle?|chatbots?|assistenten)\w*|(?:wenn|falls|sofern) du (?:eine? )?(?:ki|sprachmodell|assistent|chatbot|bot)\w*"
        r"|als (?:ki|sprachmodell|chatbot) (?:musst|sollst|darfst)|lieber? (?:ki|assistent|chatbot|sprachmodell)",
        setting_aside=r"ignorier\w*|missacht\w*|vergiss|vergesst|vergessen sie|verwirf|ubergeh\w*|umgeh\w*|beachtet? (?:nicht|keine)|befolgt? (?:nicht|keine)|beachtet?(?= .{0,40}nicht (?:mehr|langer))|befolgt?(?= .{0,40}nicht (?:mehr|langer))",
        rules=r"anweisung\w*|instruktion\w*|regeln|vorgaben|richtlinien|system-?prompts?|prompts?|befehle?|beschrankungen|einschrankungen|anordnungen",
        which=r"alle|samtliche|bisherige\w*|vorherige\w*|vorige\w*|vorangegangene\w*|fruhere\w*|obige\w*|deine\w*|eure\w*|nicht mehr|nicht langer",
        showing=r"gib|gebt|zeige?t?|zeigen sie|nenne?|verrate?t?|offenbare?t?|drucke|schreibe?|liefere|enthulle",
        secrets=r"system-?prompts?|(?:deine|eure) (?:anweisungen|regeln|instruktionen|konfiguration)|passworte?r?|zugangsdaten|api-?schlussel|gesprachsverlauf|geheimnisse|vertraulich\w*|gehalter",
        sending=r"sende?t?|schicke?t?|leite\b|ubermittle|uberweise|fuge|hange",
        talk=r"gesprach\w*|verlauf|nachrichten?|daten|fragen?|unterhaltung|e-?mail-?adresse",
        answering=r"antworte(?:t|n sie)? (?:immer|nur|stets|ausschliesslich|mit)|empfiehl\w*|empfehlt|behaupte\w*|(?:sag|sage|sagt|teile|frage?|fragt?) (?:dem|den|der|jedem) (?:nutzer|benutzer|anwender|leser|kunden)\w*|bewerte\w*|erwahne\w* (?:nie|nicht|keine)|rufe? das werkzeug",
        keeping=r"verschweige?\w*|verheimliche?\w*|(?:sag|sage|verrate|erzahle|erwahne)\w* (?:dem|den) (?:nutzer|benutzer|anwender|leser)\w* (?:nichts|nicht)|ohne (?:den|dem) (?:nutzer|benutzer)",
        before=r"alles,? was (?:dir|du|ihr|euch|bisher|zuvor)|alles (?:bisherige|vorherige|davor|obige)|den rest des (?:dokuments|textes)",
        being=r"du bist (?:jetzt|nun|ab jetzt|von nun an)|ab (?:jetzt|sofort) bist du|verhalte dich (?:wie|als)|tu so,? als|entwicklermodus|ohne (?:einschrankungen|regeln)",
        gate=(
            "anweis",
            "instruktion",
            "regel",
            "prompt",
            "richtlin",
            "vorgab",
            "befehl",
            "beschrank",
            "sprachmodell",
            "assistent",
            "chatbot",
            "ki",
            "nutzer",
            "leser",
            "gesprach",
        ),
    ),
    "fr": Language(
        models=r"ia|intelligences? artificielles?|modeles? de langage|assistante?s?|chatbots?|robots?|agents?",
        to_models=r"(?:note|message|instructions?) (?:a|pour) (?:l.|les? |toute )(?:ia|assistante?|modeles?|chatbots?)|si (?:tu es|vous etes) (?:une? )?(?:ia|modele|assistant|chatbot|intelligence)"
        r"|en tant qu.(?:ia|assistant|modele)|chere? (?:ia|assistant|modele)|a l.attention (?:de l.|des? |du )(?:ia|assistante?s?|modeles?|chatbots?)|toute ia qui lit",
        setting_aside=r"ignore[zr]?|oublie[zr]?|neglige[zr]?|contourne[zr]?|desobei[st]?\w*|ne (?:tiens|tenez) (?:pas|plus) compte|ne (?:suis|suivez|respecte[zr]?) (?:pas|plus)",
        rules=r"instructions?|consignes?|regles?|directives?|prompts?|ordres?|restrictions?|limites",
        which=r"toutes?|tous|precedent\w*|anterieur\w*|ci-dessus|tes|vos|ta|initial\w*|d.avant|plus haut",
        showing=r"revele[zr]?|montre[zr]?|affiche[zr]?|donne[zr]?|divulgue[zr]?|imprime[zr]?|ecris|ecrivez|communique[zr]?",
        secrets=r"prompt (?:du )?systeme|invite systeme|(?:tes|vos) (?:instructions|consignes|regles)|mots? de passe|cles? (?:d.)?api|historique|secrets?|salaires",
        sending=r"envoie[sz]?|envoyez|transmets|transmettez|transfere[zr]?|ajoute[zr]?|insere[zr]?",
        talk=r"conversations?|messages?|donnees|questions?|historique|adresse e?-?mail",
        answering=r"(?:reponds|repondez) (?:que|toujours|uniquement|seulement|par|avec)|recommande[zr]?|(?:dis|dites|demande[zr]?) (?:a|aux?) (?:l.)?(?:utilisateur|lecteur|client)\w*|dis que|affirme[zr]? que|ne (?:mentionne|cite)[zr]? (?:jamais|pas)",
        keeping=r"ne (?:le )?(?:dis|dites|revele|revelez|parle|parlez|mentionne|mentionnez) (?:rien|pas)? ?(?:a|de cela|cette note|ce message).{0,20}(?:utilisateur|lecteur|note|message)|a l.insu de l.utilisateur|cache[zr]? (?:ceci|cela|cette note)",
        before=r"tout ce qui precede|tout ce qu.on (?:t|vous).a dit|ce qui precede",
        being=r"tu es (?:maintenant|desormais|a present)|vous etes (?:maintenant|desormais)|a partir de maintenant|agis comme|agissez comme|fais semblant|mode developpeur|sans (?:restrictions?|limites|regles)",
        gate=(
            "instruction",
            "consigne",
            "regle",
            "directive",
            "prompt",
            "ordre",
            "restriction",
            "ia",
            "assistant",
            "modele",
            "utilisateur",
            "lecteur",
            "conversation",
        ),
    ),
    "es": Language(
        models=r"ia|inteligencias? artificial(?:es)?|modelos? de lenguaje|asistentes?|chatbots?|agentes?",
        to_models=r"(?:nota|mensaje|instruccion(?:es)?) (?:a|para) (?:el|la|los|las|cualquier|toda) ?(?:ia|asistentes?|modelos?|chatbots?)|si (?:eres|es usted|usted es) (?:una? )?(?:ia|modelo|asistente|chatbot|inteligencia)"
        r"|como (?:ia|modelo de lenguaje),|a la atencion de (?:la|los|las) ?(?:ia|asistentes?|modelos?)|estimad[oa] (?:ia|asistente|modelo)|cualquier ia que lea",
        setting_aside=r"ignor(?:a|e|ad|en)|olvid(?:a|e|ad|en)|descart(?:a|e)|haz caso omiso|no (?:sigas|siga|obedezcas|respetes)|desobedec\w*|omit(?:e|a)|salt(?:a|e)te",
        rules=r"instruccion(?:es)?|reglas|directrices|normas|prompts?|ordenes|restricciones|indicaciones",
        which=r"tod[oa]s|previ[oa]s|anterior(?:es)?|tus|sus|de arriba|iniciales|precedentes",
        showing=r"revel(?:a|e)|muestr(?:a|e)|imprim(?:e|a)|dame|divulg(?:a|ue)|ensen(?:a|e)|escrib(?:e|a)|filtr(?:a|e)",
        secrets=r"prompt (?:del |de )?sistema|mensaje (?:del|de) sistema|tus (?:instrucciones|reglas)|contrasenas?|claves? (?:de )?api|historial|secretos?|salarios",
        sending=r"envi(?:a|e)|mand(?:a|e)|transmit(?:e|a)|reenvi(?:a|e)|anad(?:e|a)|insert(?:a|e)|agreg(?:a|ue)",
        talk=r"conversacion(?:es)?|mensajes?|datos|preguntas?|historial|correo",
        answering=r"(?:responde|responda|contesta) (?:siempre|solo|unicamente|que|con)|recomiend(?:a|e)|(?:di|dile|diga|digale|pide|pidele) (?:al?|a los?) ?(?:usuario|lector|cliente)\w*|afirma que|no (?:menciones|cites)",
        keeping=r"no (?:le )?(?:digas|reveles|cuentes|menciones) (?:nada |esto |esta nota )?(?:al usuario|a nadie|esta nota|este texto)|sin que el usuario|oculta (?:esto|esta nota)",
        before=r"todo lo (?:anterior|previo|dicho)|lo anterior",
        being=r"(?:ahora eres|eres ahora)|a partir de ahora|actua como|finge (?:ser|que)|modo desarrollador|sin (?:restricciones|limites|reglas)",
        gate=(
            "instruccion",
            "regla",
            "directri",
            "prompt",
            "orden",
            "restriccion",
            "indicacion",
            "ia",
            "asistente",
            "modelo",
            "usuario",
            "lector",
            "conversacion",
        ),
    ),
    "it": Language(
        models=r"ia|ai|intelligenz[ae] artificial[ei]|modell[oi] linguistic[oi]|assistent[ei]|chatbot|agent[ei]",
        to_models=r"(?:nota|messaggio|istruzion[ei]) (?:per|a) (?:l.|la|il|gli|ogni|tutti) ?(?:ia|ai|assistent[ei]|modell[oi]|chatbot)|se sei (?:un.? ?)?(?:ia|ai|modello|assistente|chatbot|intelligenza)"
        r"|in quanto (?:ia|modello)|car[oa] (?:ia|assistente|modello)|nota per l.ia",
        setting_aside=r"ignor(?:a|ate|i)|dimentic(?:a|ate|hi)|trascur(?:a|ate)|non (?:seguire|rispettare|considerare)|aggira|disobbedisc\w*",
        rules=r"istruzion[ei]|regol[ae]|direttiv[ae]|prompt|ordin[ei]|restrizion[ei]|linee guida|indicazioni",
        which=r"tutt[eoi]|precedent[ei]|anterior[ei]|tue|tuoi|sopra|iniziali|vostre",
        showing=r"rivel(?:a|ate|i)|mostr(?:a|ate|i)|stamp(?:a|ate)|divulg(?:a|ate)|dammi|scriv(?:i|ete)|visualizza",
        secrets=r"prompt (?:di |del )?sistema|(?:le )?tue (?:istruzioni|regole)|password|chiav[ei] api|cronologia|segret[oi]|stipendi",
        sending=r"invi(?:a|ate)|mand(?:a|ate)|trasmett(?:i|ete)|inoltr(?:a|ate)|aggiung(?:i|ete)|inserisc(?:i|ete)",
        talk=r"conversazion[ei]|messagg[io]+|dati|domand[ae]|cronologia|indirizzo",
        answering=r"rispond(?:i|ete) (?:sempre|solo|che|con)|raccomand(?:a|ate)|consiglia(?:te)? (?:sempre|solo)|(?:di|dite|chiedi) (?:al|all.)(?: )?(?:utente|lettore|cliente)\w*|non (?:citare|menzionare) (?:mai|questa|questo)",
        keeping=r"non (?:dire|rivelare|menzionare|citare) (?:nulla |questo |questa nota|questo testo|ciò )?(?:all.utente|questa nota|questo testo)?|di nascosto|nascondi (?:questo|questa)",
        before=r"tutto (?:cio|quello) che (?:ti|vi|precede)|quanto precede|tutto il precedente",
        being=r"(?:ora sei|adesso sei|sei ora)|d.ora in (?:poi|avanti)|agisci come|comportati come|fingi di|modalita sviluppatore|senza (?:restrizioni|limiti|regole)",
        gate=(
            "istruzion",
            "regol",
            "direttiv",
            "prompt",
            "ordin",
            "restrizion",
            "linee",
            "ia",
            "ai",
            "assistent",
            "modell",
            "utente",
            "lettore",
            "conversazion",
        ),
    ),
    "pt": Language(
        models=r"ia|inteligencias? artificia(?:l|is)|modelos? de linguagem|assistentes?|chatbots?|agentes?",
        to_models=r"(?:nota|mensagem|instruc(?:ao|oes)) (?:para|a|ao) (?:o|a|os|as|qualquer)? ?(?:ia|assistentes?|modelos?|chatbots?)|se (?:voce e|es|for) (?:uma? )?(?:ia|modelo|assistente|chatbot|inteligencia)"
        r"|como (?:uma? )?(?:ia|modelo de linguagem),|cara? (?:ia|assistente|modelo)|qualquer ia que leia",
        setting_aside=r"ignor(?:e|a|em)|esquec(?:a|e|am)|desconsider(?:e|a)|desrespeit(?:e|a)|nao (?:siga|obedeca|respeite)|contorn(?:e|a)",
        rules=r"instruc(?:ao|oes)|regras|diretrizes|prompts?|ordens|restric(?:ao|oes)|comandos",
        which=r"tod[ao]s|anterior(?:es)?|previ[ao]s|suas|seus|tuas|acima|iniciais",
        showing=r"revel(?:e|a)|mostr(?:e|a)|imprim(?:a|e)|exib(?:a|e)|divulg(?:ue|a)|escrev(?:a|e)|forneca",
        secrets=r"prompt (?:do |de )?sistema|suas (?:instrucoes|regras)|senhas?|chaves? (?:de )?api|historico|segredos?|salarios",
        sending=r"envi(?:e|a)|mand(?:e|a)|transmit(?:a|e)|encaminh(?:e|a)|adicion(?:e|a)|insir(?:a)|acrescent(?:e|a)",
        talk=r"conversas?|mensage(?:m|ns)|dados|perguntas?|historico|e-?mail",
        answering=r"respond(?:a|e) (?:sempre|apenas|somente|que|com)|recomend(?:e|a)|(?:diga|peca|pergunte) (?:ao|aos|a) (?:usuario|leitor|cliente|utilizador)\w*|afirme que|nao (?:mencione|cite)",
        keeping=r"nao (?:diga|revele|conte|mencione|cite) (?:nada |isto |isso |esta nota )?(?:ao usuario|a ninguem|esta nota|este texto)|sem que o usuario|oculte (?:isto|esta nota)",
        before=r"tudo (?:o que (?:foi|lhe|te)|acima)|o que foi dito antes",
        being=r"(?:agora voce e|voce agora e|voce e agora)|a partir de agora|aja como|finja (?:ser|que)|modo desenvolvedor|sem (?:restricoes|limites|regras)",
        gate=(
            "instruc",
            "regra",
            "diretriz",
            "prompt",
            "ordens",
            "restric",
            "comando",
            "ia",
            "assistente",
            "modelo",
            "usuario",
            "leitor",
            "utilizador",
            "conversa",
        ),
    ),
    "nl": Language(
        models=r"ai(?:-?\w+)?|taalmodel(?:len)?|assistente?n?|chatbots?|modellen|agents?",
        to_models=r"(?:opmerking|bericht|instructies?) (?:aan|voor) (?:de|het|alle|elke) (?:ai|assistent|taalmodel|model|chatbot)\w*|als (?:je|u) een (?:ai|taalmodel|assistent|chatbot)\w*"
        r"|aan alle (?:ai|taalmodellen|chatbots)\w*|beste (?:ai|assistent|chatbot|taalmodel)",
        setting_aside=r"negeer|negeren|vergeet|omzeil|sla|volg|overtreed",
        rules=r"instructies?|regels|richtlijnen|systeemprompt|prompts?|opdrachten|beperkingen|aanwijzingen",
        which=r"alle|vorige|voorgaande|eerdere|bovenstaande|je|jouw|uw|niet (?:meer|langer)",
        showing=r"toon|onthul|laat|geef|druk|schrijf|verklap",
        secrets=r"systeemprompt|(?:je|jouw) (?:instructies|regels)|wachtwoord(?:en)?|api-?sleutels?|gespreksgeschiedenis|geheimen|salarissen",
        sending=r"stuur|verzend|verstuur|voeg|mail",
        talk=r"gesprek\w*|berichten?|gegevens|vraag|vragen|geschiedenis|e-?mailadres",
        answering=r"antwoord (?:altijd|alleen|met|dat)|beveel|raad (?:altijd|alleen)|(?:zeg|vertel|vraag) (?:tegen )?(?:de|elke) (?:gebruiker|lezer|klant)\w*|noem (?:nooit|niet)",
        keeping=r"(?:zeg|vertel|verklap) (?:dit|niets) (?:niet )?(?:aan|tegen)? ?de (?:gebruiker|lezer)|zonder dat de gebruiker|verzwijg|verberg dit",
        before=r"alles (?:wat (?:je|eerder|hiervoor)|hierboven|hiervoor)",
        being=r"je bent (?:nu|vanaf nu)|vanaf nu (?:ben|ga) je|doe alsof|gedraag je als|ontwikkelaarsmodus|zonder (?:beperkingen|regels)",
        gate=(
            "instructie",
            "regels",
            "richtlijn",
            "prompt",
            "opdracht",
            "beperking",
            "aanwijzing",
            "ai",
            "assistent",
            "taalmodel",
            "chatbot",
            "gebruiker",
            "lezer",
            "gesprek",
        ),
    ),
    "ru": Language(
        models=r"ии|нейросет[ьи]\w*|языков\w+ модел\w+|ассистент\w*|чат-?бот\w*|модел[ьи]|помощник",
        to_models=r"(?:сообщение|инструкци[яи]|примечание|заметка) для (?:ии|ассистента|модели|чат-?бота|нейросети)|если ты (?:ии|ассистент|модель|языковая модель|чат-?бот|нейросеть)|уважаем\w+ (?:ии|ассистент|модель)|вниманию (?:ии|нейросети|модели)",
        setting_aside=r"игнорируи(?:те)?|проигнорируи(?:те)?|забудь(?:те)?|отбрось(?:те)?|не (?:следуи|соблюдаи|выполняи)(?:те)?|нарушь|обоиди",
        rules=r"инструкци[ияюй]+|указани[яеий]+|правил[аоу]?|команд[ыау]?|ограничени[яеий]+|промпт\w*|распоряжени[яе]",
        which=r"все|предыдущие|прежние|предшествующие|ранее|свои|твои|выше|прошлые|любые",
        showing=r"покажи(?:те)?|раскрои(?:те)?|выведи(?:те)?|напечатаи(?:те)?|выдаи(?:те)?|сообщи(?:те)?",
        secrets=r"системн\w+ (?:промпт\w*|подсказк\w*|сообщени\w*|инструкци\w*)|свои инструкции|парол[ьи]|ключи? api|истори[юя]|секрет\w*|зарплат\w*",
        sending=r"отправь(?:те)?|перешли(?:те)?|передаи(?:те)?|добавь(?:те)?|вставь(?:те)?",
        talk=r"переписк\w*|диалог\w*|сообщени\w*|данные|вопрос\w*|истори\w*|разговор\w*",
        answering=r"отвечаи(?:те)? (?:только|всегда|что)|ответь(?:те)? (?:только|что)|рекомендуи(?:те)?|(?:скажи|сообщи|спроси|попроси)(?:те)? (?:у )?(?:пользовател|читател|клиент)\w*|не упоминаи(?:те)?",
        keeping=r"не (?:говори|сообщаи|рассказываи)(?:те)? (?:об этом |этого )?(?:пользовател|никому)\w*|скрои(?:те)? (?:это|эту)",
        before=r"все,? что (?:было|тебе|выше|ранее)|все вышесказанное",
        being=r"(?:теперь ты|ты теперь)|отныне|с этого момента|веди себя как|притворись|режим разработчика|без (?:ограничении|правил)",
        gate=(
            "инструкци",
            "указани",
            "правил",
            "команд",
            "ограничени",
            "промпт",
            "ии",
            "неирос",
            "ассистент",
            "модел",
            "бот",
            "пользовател",
        ),
    ),
    "ja": Language(
        models="(?:ai|人工知能|アシスタント|チャットボット|言語モデル|モデル|エーアイ)",
        to_models="(?:ai|アシスタント|チャットボット|言語モデル|モデル)(?:アシスタント)?(?:へ|に告ぐ|への(?:指示|注意|メッセージ)|宛て?)|あなたが(?:ai|言語モデル|アシスタント)なら|この(?:文書|文章|ページ)を読(?:む|んでいる)(?:ai|モデル|アシスタント)",
        setting_aside="無視(?!し?な|せず)|忘れ(?!ず|な)|従わない|従うな|破棄|取り消",
        rules="指示|命令|ルール|規則|プロンプト|制約|制限|ガイドライン|設定",
        which="これまで|以前|すべて|全て|上記|前の|先の|あなたの|今までの|直前",
        showing="表示|公開|開示|出力|教え|漏ら|明かし|見せ",
        secrets="システムプロンプト|内部(?:情報|指示)|パスワード|apiキー|会話履歴|秘密|機密|給与",
        sending="送信|送っ|転送|追加|挿入|埋め込",
        talk="会話|メッセージ|データ|質問|履歴|メールアドレス|個人情報",
        answering="(?:とだけ|必ず|常に).{0,12}(?:答え|回答|返答)|推薦し|推奨してください|(?:ユーザー|利用者|読者|顧客)に.{0,20}(?:尋ね|伝え|言っ|要求)|言及しない",
        keeping="(?:ユーザー|利用者|読者)に(?:は)?(?:知らせ|言わ|伝え|教え)(?:ない|ず|るな)|秘密に",
        before="これまでの(?:こと|内容)|上記の内容|以前の内容",
        being="あなたは(?:今|これ)から|今からあなたは|のふりをし|として振る舞|開発者モード|制限のない",
        gate=(
            "指示",
            "命令",
            "ルール",
            "規則",
            "プロンプト",
            "制約",
            "制限",
            "ai",
            "アシスタント",
            "モデル",
            "ボット",
            "ユーザー",
            "利用者",
            "設定",
        ),
        spaced=False,
    ),
    "zh": Language(
        models="(?:ai|人工智能|助手|助理|聊天机器人|语言模型|大模型|模型)",
        to_models="(?:致|给|告|对)(?:所有|各位|任何)?(?:的)?(?:ai|人工智能|语言模型|大模型|聊天机器人|智能助手)|(?:如果|若|假如)你是(?:一个|一名)?(?:ai|人工智能|语言模型|助手)|阅读(?:本|此)(?:文|页|文档)的(?:ai|模型)|(?:亲爱的)?(?:ai助手|ai|助手|模型)[,:，：]",
        setting_aside="忽略|无视|忘记|忘掉|不要遵守|不再遵守|绕过|违反|抛弃|不用理会|忽視|無視",
        rules="指令|指示|规则|提示词?|命令|限制|要求|設定|规定|規則",
        which="之前|以前|先前|所有|全部|上述|上面|你的|前面|以上|一切",
        showing="输出|显示|透露|泄露|展示|打印|公开|告诉我|列出|輸出|顯示",
        secrets="系统提示词?|系统指令|密码|api密钥|密钥|对话历史|聊天记录|机密|秘密|工资|系統提示",
        sending="发送|转发|上传|添加|附加|插入|發送",
        talk="对话|消息|数据|问题|历史|聊天|邮箱|用户信息",
        answering="(?:只|始终|总是|一律)(?:回答|回复)|推荐我们|(?:告诉|要求|询问|让)(?:用户|读者|客户)|不要提及|给出?(?:最高分|好评)",
        keeping="(?:不要|别|勿)(?:告诉|让)(?:用户|读者|任何人)|不要(?:透露|提及)(?:此|这)|对用户保密",
        before="(?:以上|之前|前面|上述)(?:的)?(?:所有|全部)?内容",
        being="你现在是|从现在(?:开始|起)|你将扮演|假装你?是?|开发者模式|不受(?:任何)?限制",
        gate=(
            "指令",
            "指示",
            "规则",
            "提示",
            "命令",
            "限制",
            "要求",
            "ai",
            "助手",
            "模型",
            "机器人",
            "用户",
            "規則",
            "設定",
            "人工智能",
        ),
        spaced=False,
    ),
}


@dataclass(frozen=True)
class Compiled:
    """The compiled patterns of one language."""

    to_models: re.Pattern[str]
    called: re.Pattern[str]
    set_aside: re.Pattern[str]
    set_aside_loosely: re.Pattern[str]
    show: re.Pattern[str]
    send: re.Pattern[str]
    answering: re.Pattern[str]
    keeping: re.Pattern[str]
    being: re.Pattern[str]
    spaced: bool
    words: tuple[str, ...]
    letters: re.Pattern[str] | None

    def gate(self, text: str) -> bool:
        """Returns whether a text may contain an instruction in this language."""
        return (self.letters is None or bool(self.letters.search(text))) and any(each in text for each in self.words)


#: Letters that every text in the language contains.
_LETTERS = {"ru": "[\u0400-\u04ff]", "ja": "[\u3040-\u30ff\u4e00-\u9fff]", "zh": "[\u4e00-\u9fff]"}


def _compiled(name: str, language: Language) -> Compiled:
    start, end = (r"(?<!\w)(?:", r")(?!\w)") if language.spaced else ("(?:", ")")
    near = f"{_GAP}{{0,60}}?"
    # "Do not forget the rules" is harmless, and "the rules of ..." are not those of a model.
    kept = (
        r"(?<!no )(?<!nao )(?<!non )(?<!ne )(?<!не )(?<!nicht )(?<!niet )(?<!n')(?<!n’)"
        if language.spaced
        else "(?<!勿)(?<!不要)(?<!别)(?<!不得)"
    )
    theirs = (
        r"(?! (?:im|auf|aus|des|der|vom|von|fur|du|de la|de l.|de \w+age|del|della|dello|do|da|dos|deste|van|voor|uit|на|из)\b)"
        if language.spaced
        else ""
    )

    def word(alternatives: str) -> str:
        return f"{start}{fold(alternatives)}{end}"

    def both(one: str, other: str) -> str:
        """Returns a pattern for both orders, since verbs come last in some languages."""
        return f"(?:{one}{near}{other}|{other}{near}{one})"

    aside, which = f"{kept}{word(language.setting_aside)}", word(language.which)
    rules = f"{word(language.rules)}{theirs}"
    before = word(language.before)
    show, secrets = word(language.showing), word(language.secrets)
    which_rules = f"(?:{which}{_GAP}{{0,25}}?{rules}|{rules}{_GAP}{{0,25}}?{which})"
    return Compiled(
        to_models=re.compile(word(language.to_models)),
        # The word for a model, followed directly by an instruction.
        called=re.compile(
            rf"(?:^|[.!?。！？\n>*#-])\s*(?:(?:achtung|attention|atencion|attenzione|atencao|let op|внимание|注意)[,:!]? ?)?{word(language.models)}\s*[,:：，、]"
        ),
        set_aside=re.compile(f"{both(aside, which_rules)}|{both(aside, before)}"),
        set_aside_loosely=re.compile(both(aside, rules)),
        show=re.compile(both(show, secrets)),
        send=re.compile(both(word(language.sending), word(language.talk))),
        answering=re.compile(word(language.answering)),
        keeping=re.compile(word(language.keeping)),
        being=re.compile(word(language.being)),
        spaced=language.spaced,
        words=tuple(fold(each) for each in language.gate),
        letters=re.compile(_LETTERS[name]) if name in _LETTERS else None,
    )


#: All languages except English, whose patterns are in :mod:`.orders`.
LANGUAGES: Final = {name: _compiled(name, language) for name, language in _LANGUAGES.items()}
